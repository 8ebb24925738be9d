/**
 * The certificates of a popper that serves one session: read while it may still be root, before anything is said.
 */
import { ConfigError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { type Certificate, isFault, judgePem } from "@mailhost/common/tls/certificate";
import { pemPaths, readPemFiles } from "@mailhost/common/tls/pem-files";

/**
 * Those that can be served; none: there is no TLS.
 *
 * @throws ConfigError when the main one is there and cannot be used
 */
export function readCertificates(site: Site, { tls }: Settings): Certificate[] {
  return readPemFiles(pemPaths(site, tls)).flatMap((files, at) => {
    const judged = judgePem(files);
    if (judged === undefined) return [];
    if (!isFault(judged)) return [judged];
    if (at > 0) return [];
    throw new ConfigError(judged.file, 0, judged.reason);
  });
}
