/**
 * Certificates and keys as they lie in files: where the settings say, read as text, with nothing judged yet.
 *
 * What is read here is plain JSON: a process that may read keys passes it on to those that may not. It is never logged.
 */
import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, messageOf } from "../errors.ts";
import type { TlsSettings } from "../settings/roaming-settings.ts";
import { type Site, sitePath } from "../site.ts";

/** The two files of a certificate, absolute paths. */
export interface PemPaths {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What was found in them; neither text nor fault: neither file is there. */
export interface PemFiles extends PemPaths {
  /** PEM text. */
  readonly cert?: string;
  readonly key?: string;
  /** Mode and group of the key's file. */
  readonly keyMode?: number;
  readonly keyGroup?: number;
  /** The file that cannot be used as it is, and why. */
  readonly fault?: { readonly file: string; readonly reason: string };
}

/** No certificate chain and no key is longer, octets: what is, is another kind of file. */
const LONGEST = 1 << 20;

/** The main pair first, then those of the folders in `tls.certificates`. */
export function pemPaths(site: Site, tls: Pick<TlsSettings, "cert" | "key" | "certificates">): PemPaths[] {
  const absolute = (path: string) => sitePath(site, path);
  return [
    { certFile: absolute(tls.cert), keyFile: absolute(tls.key) },
    ...tls.certificates.map((folder) => ({
      certFile: join(absolute(folder), "cert.pem"),
      keyFile: join(absolute(folder), "key.pem"),
    })),
  ];
}

/** Reads pairs. Never throws: what is wrong with one is in its place. */
export function readPemFiles(paths: readonly PemPaths[]): PemFiles[] {
  return paths.map(({ certFile, keyFile }) => {
    const at = { certFile, keyFile };
    const [cert, key] = [readText(certFile), readText(keyFile)];
    for (const [file, got] of [
      [certFile, cert],
      [keyFile, key],
    ] as const) {
      if ("fault" in got) return { ...at, fault: { file, reason: got.fault } };
    }
    if (!("text" in cert) && !("text" in key)) return at;
    if (!("text" in cert))
      return { ...at, fault: { file: certFile, reason: `is missing, its key ${keyFile} is there` } };
    if (!("text" in key))
      return { ...at, fault: { file: keyFile, reason: `is missing, its certificate ${certFile} is there` } };
    return { ...at, cert: cert.text, key: key.text, keyMode: key.mode, keyGroup: key.group };
  });
}

/** Changes whenever one of the files does, also by a symbolic link that leads elsewhere. */
export function markOfPemFiles(paths: readonly PemPaths[]): string {
  return paths.map(({ certFile, keyFile }) => `${markOf(certFile)} ${markOf(keyFile)}`).join("\n");
}

function markOf(file: string): string {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return "-";
    const { dev, ino, size, mode, uid, gid, mtimeMs, ctimeMs } = found;
    return [dev, ino, size, mode, uid, gid, mtimeMs, ctimeMs].join(".");
  } catch (error) {
    return errnoOf(error) ?? "unknown";
  }
}

type Read = { readonly text: string; readonly mode: number; readonly group: number };

function readText(file: string): Read | { readonly fault: string } | { readonly absent: true } {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { absent: true };
    return { fault: `cannot be read: ${code === "EACCES" ? "permission denied" : messageOf(error)}` };
  }
  try {
    const { mode, gid, size } = fstatSync(fd);
    if (size > LONGEST) return { fault: `is no certificate or key: ${size} octets long` };
    return { text: readFileSync(fd, "latin1"), mode: mode & 0o777, group: gid };
  } catch (error) {
    return { fault: `cannot be read: ${messageOf(error)}` };
  } finally {
    closeSync(fd);
  }
}
