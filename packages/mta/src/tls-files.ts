/**
 * The certificate and key that the settings name.
 */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { ConfigError, errnoOf, messageOf } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import type { TlsFiles } from "./inbound/smtp-listener.ts";

/**
 * Reads both files. Undefined when neither is there: TLS is not offered then.
 *
 * @throws ConfigError naming the file that is missing beside the other, unreadable, or no certificate or key
 */
export function readTlsFiles(site: Site, tls: Settings["tls"]): TlsFiles | undefined {
  const [certFile, keyFile] = [sitePath(site, tls.cert), sitePath(site, tls.key)];
  const [cert, key] = [readIfThere(certFile), readIfThere(keyFile)];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw new ConfigError(certFile, 0, `is missing, its key ${keyFile} is there`);
  if (key === undefined)
    throw new ConfigError(keyFile, 0, `is missing, its certificate ${certFile} is there`);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new ConfigError(certFile, 0, `and ${keyFile} are no certificate and key: ${messageOf(error)}`);
  }
  return { cert, key };
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw new ConfigError(file, 0, `cannot be read: ${messageOf(error)}`);
  }
}
