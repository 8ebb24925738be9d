/**
 * A certificate that nobody but its own key has signed, so that a new host encrypts from its first day. Clients that check
 * certificates refuse it, as they should: it is there until a real one is.
 */
import { randomBytes, webcrypto } from "node:crypto";
import { chownSync, linkSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../errors.ts";
import type { PemPaths } from "./pem-files.ts";

const DAY = 86_400_000;

/**
 * How long it is valid, days. Apple's systems refuse what is valid for more than 825 days even from whoever has told them to trust
 * it; much less would break those who have.
 */
const VALID_DAYS = 820;

/** What is made. */
export interface SelfSignedOrder extends PemPaths {
  readonly hostname: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Who the files are to belong to, when root makes them. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Makes certificate and key when neither file is there. What is there stays as it is, whatever it is.
 *
 * @returns whether it was made
 * @throws errors of the file system
 */
export async function makeSelfSigned(order: SelfSignedOrder): Promise<boolean> {
  const { certFile, keyFile, owner } = order;
  if ([certFile, keyFile].some(isThere)) return false;
  const { cert, key } = await signedByItself(order.hostname, order.now);
  for (const file of [certFile, keyFile]) makeFolder(dirname(file), owner);
  // The key first: a certificate alone would keep the next start from making a pair.
  if (!(await placeNew(keyFile, key, 0o600, owner))) return false;
  return placeNew(certFile, cert, 0o644, owner);
}

/** PEM texts for a host: its name, and the domain that it is in. */
export async function signedByItself(hostname: string, now: number): Promise<{ cert: string; key: string }> {
  // The library is for the first start of a host; no other loads it.
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const names = namesFor(hostname);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    // Positive, and of 16 octets (RFC 5280 section 4.1.2.2).
    serialNumber: `01${randomBytes(15).toString("hex")}`,
    name: [{ CN: [names[0]!.slice(0, 64)] }],
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + (VALID_DAYS - 1) * DAY),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns" as const, value }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const lines = pkcs8.match(/.{1,64}/g) ?? [];
  return {
    cert: `${made.toString("pem").trim()}\n`,
    key: ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n"),
  };
}

/** `mail.example.com` and `example.com`: users write either into their programs. */
function namesFor(hostname: string): string[] {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  const domain = name.slice(name.indexOf(".") + 1);
  return name.split(".").length > 2 ? [name, domain] : [name];
}

function isThere(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOTDIR") return false;
    throw error;
  }
}

function makeFolder(folder: string, owner: SelfSignedOrder["owner"]): void {
  if (isThere(folder)) return;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
}

/** Puts a file in its place whole, and only where there is none. */
async function placeNew(
  file: string,
  text: string,
  mode: number,
  owner: SelfSignedOrder["owner"],
): Promise<boolean> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}`);
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.chmod(mode);
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}
