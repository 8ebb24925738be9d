/**
 * What a certificate file and a key file are worth: whether they fit, for which names and how long, and in which order the
 * chain has to be sent (RFC 8446 section 4.4.2: the host's own first, then each its issuer's).
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { messageOf } from "../errors.ts";
import type { PemFiles } from "./pem-files.ts";

const DAY = 86_400_000;

/** Days before its end from which on a certificate is warned about. */
export const WARN_DAYS = 14;

/** A certificate that can be served. Plain JSON. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** The chain in the order of sending, PEM. */
  readonly chain: string;
  /** The key, PEM. Never logged. */
  readonly key: string;
  /** The names it is for, lower case, `*.example.com` among them. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
  /** Signed by nobody but itself. */
  readonly selfSigned: boolean;
  /** What is odd about it, and served nevertheless: `FILE: REASON`. */
  readonly oddities: readonly string[];
}

/** A pair that cannot be served. */
export interface CertificateFault {
  readonly file: string;
  readonly reason: string;
}

/** Judges what was read; undefined: there is nothing. */
export function judgePem(files: PemFiles): Certificate | CertificateFault | undefined {
  const { certFile, keyFile, cert, key } = files;
  if (files.fault !== undefined) return files.fault;
  if (cert === undefined || key === undefined) return undefined;
  const certificates = readCertificates(cert);
  if (typeof certificates === "string") return { file: certFile, reason: certificates };
  const privateKey = readKey(key, keyFile);
  if (typeof privateKey === "string") return { file: keyFile, reason: privateKey };
  const own = certificates.find((one) => one.checkPrivateKey(privateKey));
  if (own === undefined) return { file: keyFile, reason: `is not the key of ${certFile}` };
  const chain = inOrder(own, certificates);
  const pem = chain.map((one) => one.toString()).join("");
  try {
    createSecureContext({ cert: pem, key });
  } catch (error) {
    return { file: certFile, reason: `cannot be used: ${messageOf(error)}` };
  }
  return {
    certFile,
    keyFile,
    chain: pem,
    key,
    names: namesOf(own),
    validFrom: Date.parse(own.validFrom),
    validTo: Date.parse(own.validTo),
    selfSigned: isSelfSigned(own),
    oddities: [...oddOrder(certFile, chain, certificates), ...openKey(files)],
  };
}

/** Whether what was judged cannot be served. */
export function isFault(judged: Certificate | CertificateFault): judged is CertificateFault {
  return "reason" in judged;
}

/** What the calendar says against it; undefined: nothing. */
export function dateFault({ certFile, validFrom, validTo }: Certificate, now: number): string | undefined {
  if (now < validFrom) return `${certFile}: is not valid before ${dayOf(validFrom)}`;
  if (now >= validTo) return `${certFile}: expired on ${dayOf(validTo)}; clients refuse it`;
  const left = Math.floor((validTo - now) / DAY);
  return left < WARN_DAYS
    ? `${certFile}: expires on ${dayOf(validTo)}, in ${left} ${left === 1 ? "day" : "days"}`
    : undefined;
}

/** `2026-11-27`. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** Whether a certificate with these names is one for a host (RFC 6125 section 6.4: `*` stands for one whole label). */
export function isForHost(names: readonly string[], host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  const dot = name.indexOf(".");
  return names.includes(name) || (dot > 0 && names.includes(`*${name.slice(dot)}`));
}

function readCertificates(text: string): readonly X509Certificate[] | string {
  const blocks = text.match(
    /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END \1?CERTIFICATE-----/g,
  );
  if (blocks === null)
    return "holds no certificate in PEM form (a DER file: openssl x509 -inform DER -in FILE)";
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    return `holds a damaged certificate: ${messageOf(error)}`;
  }
}

function readKey(text: string, file: string): KeyObject | string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text))
    return `is encrypted with a passphrase, which nobody could type in at a start; write it without: openssl pkey -in ${file} -out NEW, then chmod 600 NEW`;
  const block = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(text)?.[0];
  if (block === undefined) return "holds no private key in PEM form";
  try {
    return createPrivateKey(block);
  } catch (error) {
    return `holds a damaged key: ${messageOf(error)}`;
  }
}

/** The host's certificate and its issuers one after the other; what does not belong to them is left away. */
function inOrder(own: X509Certificate, all: readonly X509Certificate[]): X509Certificate[] {
  const chain = [own];
  for (let last = own; ; ) {
    const issuer = all.find((one) => !chain.includes(one) && last.checkIssued(one));
    if (issuer === undefined || isSelfSigned(last)) return chain;
    chain.push(issuer);
    last = issuer;
  }
}

function oddOrder(
  file: string,
  chain: readonly X509Certificate[],
  given: readonly X509Certificate[],
): string[] {
  if (chain.length === given.length && chain.every((one, at) => one === given[at])) return [];
  return chain.length < given.length
    ? [`${file}: holds certificates that do not belong to its chain; they are not sent`]
    : [
        `${file}: its certificates are in the wrong order, the host's own comes first; they are sent in the right one`,
      ];
}

/** A key that more can read than have to (Sendmail's rule for key files). */
function openKey({ keyFile, keyMode = 0 }: PemFiles): string[] {
  return (keyMode & 0o007) === 0
    ? []
    : [`${keyFile}: everybody on this host can read the key: chmod o= ${keyFile}`];
}

function namesOf(own: X509Certificate): string[] {
  const alternative = [...(own.subjectAltName ?? "").matchAll(/DNS:("(?:[^"\\]|\\.)*"|[^,]+)/g)];
  const found = alternative.map(([, name = ""]) => name.replace(/^"(.*)"$/, "$1"));
  const names = found.length > 0 ? found : [/^CN=(.+)$/m.exec(own.subject)?.[1] ?? ""];
  return [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ""))];
}

function isSelfSigned(one: X509Certificate): boolean {
  // checkIssued wants a key that may sign certificates, which a host's own need not be.
  return one.subject === one.issuer && one.verify(one.publicKey);
}
