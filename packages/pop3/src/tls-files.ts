/**
 * The certificate for connections that are encrypted from the first octet (pop3s).
 */
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";
import { ConfigError, errnoOf, messageOf } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";

/**
 * Reads certificate and key.
 *
 * @returns undefined when either file is missing: there is no TLS then
 * @throws ConfigError when they are there and can not be used
 */
export function readTlsFiles(site: Site, tls: Settings["tls"]): SecureContext | undefined {
  const cert = readIfThere(sitePath(site, tls.cert));
  const key = readIfThere(sitePath(site, tls.key));
  if (cert === undefined || key === undefined) return undefined;
  try {
    return createSecureContext({ cert, key, minVersion: "TLSv1.2" });
  } catch (error) {
    throw new ConfigError(sitePath(site, tls.cert), 0, `with its key ${tls.key}: ${messageOf(error)}`);
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new ConfigError(file, 0, `cannot be read: ${messageOf(error)}`);
  }
}
