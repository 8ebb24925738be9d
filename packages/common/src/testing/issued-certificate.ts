/** Certificates of a test's own authority, with the library that the host makes its self-signed ones with. */
import { webcrypto } from "node:crypto";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
} as const;
const DAY = 86_400_000;

/** PEM texts. */
export interface IssuedPair {
  /** The host's own certificate alone. */
  readonly own: string;
  /** Its issuer's, which a root that nobody needs has signed. */
  readonly issuer: string;
  readonly key: string;
}

/** A certificate for a name, signed by an intermediate authority. */
export async function issue(name: string, kind: "ec" | "rsa" = "ec"): Promise<IssuedPair> {
  const x509 = await import("@peculiar/x509");
  const { subtle } = webcrypto;
  const [rootKeys, issuerKeys] = [
    await subtle.generateKey(EC, true, ["sign", "verify"]),
    await newKeys("ec"),
  ];
  const keys = await newKeys(kind);
  const validity = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + 30 * DAY) };
  const issuer = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: "01",
    subject: "CN=Intermediate",
    issuer: "CN=Root",
    publicKey: issuerKeys.publicKey,
    signingKey: rootKeys.privateKey,
    signingAlgorithm: EC,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const own = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: "02",
    subject: `CN=${name}`,
    issuer: "CN=Intermediate",
    publicKey: keys.publicKey,
    signingKey: issuerKeys.privateKey,
    signingAlgorithm: EC,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }])],
  });
  const pkcs8 = Buffer.from(await subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    own: `${own.toString("pem").trim()}\n`,
    issuer: `${issuer.toString("pem").trim()}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)!.join("\n")}\n-----END PRIVATE KEY-----\n`,
  };
}

function newKeys(kind: "ec" | "rsa"): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(kind === "ec" ? EC : RSA, true, ["sign", "verify"]);
}
