/**
 * Certificates for tests, signed by an authority of the moment.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Issued } from "../../src/acme/authority.ts";

/** A key and a self-signed certificate for it, for some names and from now on for some days. */
export function issue(names: readonly string[], days = 90): Issued {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-issued-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const config = join(folder, "config");
    writeFileSync(config, "[req]\ndistinguished_name=dn\n[dn]\n");
    const made = spawnSync("openssl", [
      ...[
        "req",
        "-x509",
        "-config",
        config,
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
      ],
      ...["-days", String(days), "-subj", `/CN=${names[0]}`, "-keyout", key, "-out", cert],
      ...["-addext", `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`],
    ]);
    if (made.status !== 0) throw new Error(`openssl (Debian package openssl): ${made.stderr?.toString()}`);
    return { key: readFileSync(key, "latin1"), chain: readFileSync(cert, "latin1") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
