/** A certificate made for the test, so that no key lies about in the repository. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createSecureContext, type SecureContext } from "node:tls";

/** Makes one; where that can not be done the test is skipped, and nothing returned. */
export function certificate(t: TestContext): { readonly tls?: SecureContext } {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-cert-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const request =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=mail.test -days 2";
  try {
    execFileSync("openssl", [...request.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
  } catch {
    t.skip("needs openssl (Debian package openssl)");
    return {};
  }
  return { tls: createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) }) };
}
