/**
 * What `mailhost check` says of certificates: whether they can be served, for how long, for which names, and whether clients
 * will believe them.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import {
  type Certificate,
  dateFault,
  dayOf,
  isFault,
  isForHost,
  judgePem,
} from "@mailhost/common/tls/certificate";
import { requireKnownCiphers } from "@mailhost/common/tls/context-options";
import { type PemFiles, pemPaths, readPemFiles } from "@mailhost/common/tls/pem-files";
import type { Resolver } from "@mailhost/mta/dns/resolver";
import type { Finding } from "./finding.ts";

/** Domains whose MX records are asked for. */
const MOST_DOMAINS = 20;

/** What the check asks besides files. */
export interface TlsSurroundings {
  /** The file that rules. */
  readonly source: string;
  readonly resolver: Pick<Resolver, "a" | "mx">;
  /** Whether an address is one of this machine's. */
  readonly isOwn: (address: string) => boolean;
  /** ms since 1970. */
  readonly now: number;
}

/** Findings on certificates, keys and ciphers. */
export async function checkTls(site: Site, settings: Settings, around: TlsSurroundings): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    requireKnownCiphers(around.source, settings.tls);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    findings.push(finding("error", error.message));
  }
  const certificates: Certificate[] = [];
  for (const [at, files] of readPemFiles(pemPaths(site, settings.tls)).entries()) {
    const judged = judgePem(files);
    if (judged === undefined) findings.push(absent(files, settings, at === 0));
    else if (isFault(judged)) findings.push(finding("error", `${judged.file}: ${judged.reason}`));
    else {
      certificates.push(judged);
      findings.push(...checkOne(judged, around.now));
    }
  }
  const names = certificates.flatMap((one) => one.names);
  if (names.length > 0) findings.push(...checkNames(names, settings.hostname));
  if (certificates.length > 0 || settings.tls.selfSigned)
    findings.push(...clearPasswords(site, settings, around));
  // Nobody checks the names of a certificate that is signed by itself.
  if (certificates.some((one) => !one.selfSigned))
    findings.push(...(await checkExchangers(names, localDomains(site, settings), around)));
  return findings;
}

function finding(level: Finding["level"], text: string): Finding {
  return { level, about: "tls", text };
}

function absent({ certFile, keyFile }: PemFiles, { tls }: Settings, isMain: boolean): Finding {
  if (!isMain) return finding("error", `no ${certFile}: tls.certificates names its folder`);
  return finding(
    "warning",
    tls.selfSigned
      ? `no ${certFile}: the next \`mailhost start\` makes a self-signed one, about which mail programs warn their users`
      : `no ${certFile}, no ${keyFile}: neither STARTTLS, smtps nor pop3s, and POP3 takes passwords in clear from everywhere`,
  );
}

/** What mail programs without TLS will meet, and whoever comes from Qpopper or Sendmail does not expect. */
function clearPasswords(site: Site, { tls, pop3 }: Settings, { source }: TlsSurroundings): Finding[] {
  if (tls.allowPlaintextAuth) {
    // Of a sendmail.cf it has been said with its line.
    const text =
      "passwords are taken without TLS from everywhere (tls.allowPlaintextAuth): whoever listens on the way can log in with them";
    return source === site.settingsFile ? [finding("warning", text)] : [];
  }
  if (pop3.clearTextPassword !== "default") return [];
  const text =
    "passwords without TLS are taken from this host and RELAY networks only; tls.allowPlaintextAuth takes them from everywhere";
  return [finding("ok", text)];
}

function checkOne(one: Certificate, now: number): Finding[] {
  const findings = one.oddities.map((text) => finding("warning", text));
  const date = dateFault(one, now);
  if (date !== undefined) findings.push(finding("warning", date));
  if (one.selfSigned) {
    const text = `${one.certFile}: is self-signed, mail programs warn about it; put one from an authority into this file and its key into ${one.keyFile}, or say acme.domains: they are in use within seconds`;
    return [...findings, finding("warning", text)];
  }
  const unknown = unknownIssuer(one.chain);
  if (unknown !== undefined) {
    const text = `${one.certFile}: ends at an issuer that programs do not know, "${unknown}": the intermediate certificates are missing (certbot's fullchain.pem has them), or it is an authority of your own`;
    findings.push(finding("warning", text));
  }
  const text = `${one.certFile}: for ${one.names.join(", ")}, until ${dayOf(one.validTo)}`;
  return [...findings, finding("ok", text)];
}

/** The issuer of a chain's last certificate, if that is none of the authorities that Node knows. */
function unknownIssuer(chain: string): string | undefined {
  const blocks = chain.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const last = new X509Certificate(blocks.at(-1) ?? "");
  const known = rootCertificates.some((pem) => {
    const root = new X509Certificate(pem);
    return root.subject === last.issuer && last.verify(root.publicKey);
  });
  return known ? undefined : last.issuer.replaceAll("\n", ", ");
}

function checkNames(names: readonly string[], hostname: string): Finding[] {
  if (isForHost(names, hostname)) return [];
  const text = `no certificate is for the host's own name, ${hostname}, only for ${names.join(", ")}`;
  return [finding("warning", text)];
}

/** Other hosts that check certificates (MTA-STS, DANE) look for the name that the MX record has. */
async function checkExchangers(
  names: readonly string[],
  domains: readonly string[],
  { resolver, isOwn }: TlsSurroundings,
): Promise<Finding[]> {
  const asked = await Promise.all(
    domains.map(async (domain) => {
      const records = await quietly(resolver.mx(domain));
      return records.map(({ exchange }) => ({ domain, exchange: exchange.toLowerCase().replace(/\.$/, "") }));
    }),
  );
  const others = asked.flat().filter(({ exchange }) => exchange !== "" && !isForHost(names, exchange));
  const findings: Finding[] = [];
  for (const { domain, exchange } of others) {
    if (!(await quietly(resolver.a(exchange))).some(isOwn)) continue;
    const text = `no certificate is for ${exchange}, the name of this host in the MX record of ${domain}`;
    findings.push(finding("warning", text));
  }
  return findings;
}

/** What the DNS does not say is no fault of a certificate. */
async function quietly<T>(question: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await question;
  } catch {
    return [];
  }
}

/** The domains whose mail is for here: those of local-host-names, whose text is enough for this. */
export function localDomains(site: Site, { tables }: Settings): string[] {
  const texts = [tables.localHostNames].flat().map((path) => {
    try {
      return readFileSync(sitePath(site, path), "utf8");
    } catch {
      return "";
    }
  });
  const names = texts.join("\n").match(/^[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9-]+/gm) ?? [];
  return [...new Set(names.map((name) => name.toLowerCase()))].slice(0, MOST_DOMAINS);
}
