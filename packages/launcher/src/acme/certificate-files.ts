/**
 * The host's key and certificate on disk: what is there, and putting a new pair in its place.
 *
 * Two files can not be replaced in one step. So both are written beside the old ones, whole and on stable storage, before either is
 * renamed; whoever reads between the two renames sees a pair that does not fit, and keeps what it has. A process that is killed there
 * leaves what {@link finishInstall} needs to go on. The pair before stays as `.old`.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { constants } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "@mailhost/common/errors";
import { type FileSystem, nodeFileSystem } from "@mailhost/common/fs/file-system";
import { readWhole, syncFolder, writeWhole } from "@mailhost/common/fs/whole-io";
import type { CertificateFacts } from "./due.ts";

/** Absolute paths. */
export interface PairPaths {
  readonly key: string;
  readonly cert: string;
}

/** The pair that is there. */
export type PairFound =
  | { readonly kind: "missing" }
  /** Not to be used, and why. */
  | { readonly kind: "broken"; readonly why: string }
  | {
      readonly kind: "pair";
      readonly certificate: CertificateFacts;
      /** SHA-256 of the host's own certificate. */
      readonly fingerprint: string;
      readonly issuer: string;
      /** Made by the first start of a host (common/src/tls/self-signed.ts): there until a real one is. */
      readonly selfMade: boolean;
    };

/** Who a file belongs to. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A file's text with what its successor takes over. */
interface Present {
  readonly text: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Keys and chains are far smaller. */
const SIZE_LIMIT = 1024 * 1024;

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** Looks at the pair. */
export async function readPair(
  paths: PairPaths,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<PairFound> {
  let key: Present | undefined;
  let cert: Present | undefined;
  try {
    key = await present(fileSystem, paths.key);
    cert = await present(fileSystem, paths.cert);
  } catch (error) {
    const { path, message } = error as NodeJS.ErrnoException;
    return {
      kind: "broken",
      why: path !== undefined && errnoOf(error) === "EACCES" ? `${path} can not be read` : message,
    };
  }
  if (key === undefined && cert === undefined) return { kind: "missing" };
  if (key === undefined) return { kind: "broken", why: `there is no ${paths.key}` };
  if (cert === undefined) return { kind: "broken", why: `there is no ${paths.cert}` };
  const leaf = leafOf(cert.text);
  if (leaf === undefined) return { kind: "broken", why: `${paths.cert} holds no certificate` };
  if (!fits(key.text, cert.text))
    return { kind: "broken", why: `${paths.key} is not the key of ${paths.cert}` };
  const certificate = {
    names: namesOf(leaf),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  };
  return {
    kind: "pair",
    certificate,
    fingerprint: leaf.fingerprint256,
    issuer: leaf.issuer.replaceAll("\n", ", "),
    selfMade: isSelfMade(leaf),
  };
}

/** The life of a certificate that a first start makes, in ms, and its number: an octet of 1 and fifteen of chance. */
const SELF_MADE_LIFE = 820 * 86_400_000;
const SELF_MADE_SERIAL = /^0?1[0-9A-F]{30}$/;

/** Whether it is one that a first start has made. Somebody's own self-signed certificate is his. */
function isSelfMade(leaf: X509Certificate): boolean {
  const life = Date.parse(leaf.validTo) - Date.parse(leaf.validFrom);
  return (
    life === SELF_MADE_LIFE &&
    SELF_MADE_SERIAL.test(leaf.serialNumber) &&
    leaf.issuer === leaf.subject &&
    leaf.verify(leaf.publicKey)
  );
}

/** The DNS names of a certificate, lower case (RFC 6125 section 6.4: the common name counts for nothing). */
export function namesOf(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:"))
    .map((entry) => entry.slice("DNS:".length).toLowerCase());
}

/** SHA-256 of the first certificate of a chain, as {@link readPair} gives it. */
export function fingerprintOf(chain: string): string {
  return new X509Certificate(chain).fingerprint256;
}

/**
 * Puts a new pair in the place of the one that is there: the key with mode 0600, the chain with 0644.
 *
 * @param owner whose the files are to be, when root makes them; undefined: as those that are there
 * @throws errors of the file system. The old pair is then in its place, or {@link finishInstall} finishes what was begun
 */
export async function installPair(
  paths: PairPaths,
  pair: { readonly key: string; readonly chain: string },
  { owner, fileSystem = nodeFileSystem }: { owner?: Owner | undefined; fileSystem?: FileSystem } = {},
): Promise<void> {
  const oldKey = await present(fileSystem, paths.key);
  const oldCert = await present(fileSystem, paths.cert);
  const keyFile = (old: Present | undefined) => ({ mode: 0o600, owner: owner ?? old });
  const certFile = { mode: 0o644, owner: owner ?? oldCert };
  if (oldKey !== undefined && oldCert !== undefined && fits(oldKey.text, oldCert.text)) {
    // Nobody gets to read by it what was somebody else's: the old key may have been a link to another program's.
    await writeFile(fileSystem, `${paths.key}.old`, { text: oldKey.text, mode: 0o600, owner: oldKey });
    await writeFile(fileSystem, `${paths.cert}.old`, { text: oldCert.text, mode: 0o644, owner: oldCert });
  }
  await writeFile(fileSystem, `${paths.key}.new`, { text: pair.key, ...keyFile(oldKey) });
  await writeFile(fileSystem, `${paths.cert}.new`, { text: pair.chain, ...certFile });
  await takePlaces(paths, fileSystem);
}

/**
 * Finishes an {@link installPair} that was cut off, or takes away what it left.
 *
 * @returns whether there is a new pair now
 * @throws errors of the file system
 */
export async function finishInstall(
  paths: PairPaths,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<boolean> {
  const cert = await present(fileSystem, `${paths.cert}.new`);
  const key = await present(fileSystem, `${paths.key}.new`);
  if (cert !== undefined) {
    const itsKey = key ?? (await present(fileSystem, paths.key));
    if (itsKey !== undefined && fits(itsKey.text, cert.text)) {
      await takePlaces(paths, fileSystem, key !== undefined);
      return true;
    }
    await fileSystem.unlink(`${paths.cert}.new`);
  }
  if (key !== undefined) await fileSystem.unlink(`${paths.key}.new`);
  return false;
}

/** The key goes first: a chain without its key is of no use to anybody. */
async function takePlaces({ key, cert }: PairPaths, fileSystem: FileSystem, withKey = true): Promise<void> {
  if (withKey) {
    await fileSystem.rename(`${key}.new`, key);
    await syncFolder(fileSystem, dirname(key));
  }
  await fileSystem.rename(`${cert}.new`, cert);
  await syncFolder(fileSystem, dirname(cert));
}

/** Writes a file whole: under another name, on stable storage, before it has its own. */
async function writeFile(
  fileSystem: FileSystem,
  path: string,
  what: { readonly text: string; readonly mode: number; readonly owner: Owner | undefined },
): Promise<void> {
  const part = `${path}.part`;
  await unlinkIfThere(fileSystem, part);
  const file = await fileSystem.open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    await writeWhole(file, Buffer.from(what.text), 0);
    // By the descriptor: in a folder that is not root's the name may mean something else by now.
    if (what.owner !== undefined && process.getuid?.() === 0)
      await file.chown(what.owner.uid, what.owner.gid);
    await file.chmod(what.mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(part, path);
  await syncFolder(fileSystem, dirname(path));
}

async function present(fileSystem: FileSystem, path: string): Promise<Present | undefined> {
  let file: Awaited<ReturnType<FileSystem["open"]>>;
  try {
    file = await fileSystem.open(path, O_RDONLY);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { mode, uid, gid, size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, SIZE_LIMIT));
    const length = await readWhole(file, bytes, 0);
    return { text: bytes.toString("latin1", 0, length), mode: mode & 0o777, uid, gid };
  } finally {
    await file.close();
  }
}

async function unlinkIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

function leafOf(chain: string): X509Certificate | undefined {
  try {
    return new X509Certificate(chain);
  } catch {
    return undefined;
  }
}

function fits(key: string, chain: string): boolean {
  try {
    return leafOf(chain)?.checkPrivateKey(createPrivateKey(key)) === true;
  } catch {
    return false;
  }
}
