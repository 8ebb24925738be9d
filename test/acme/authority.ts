/**
 * A site whose names lead to loopback, and a real ACME authority (Let's Encrypt's pebble) that asks there.
 */
import { type HostOptions, prepareSite, type Scope, type Site } from "../harness/host.ts";
import { type Pebble, type PebbleOptions, startPebble } from "../harness/pebble.ts";

/** What a test wants of the two. */
export interface AuthorityOptions extends Partial<PebbleOptions> {
  /** Laid over the settings `acme`. */
  readonly acme?: object;
  /** Laid over the other settings. */
  readonly settings?: object;
  /** Where the names lead and challenges are answered; 127.0.0.1 when not given. */
  readonly address?: string;
  readonly files?: NonNullable<HostOptions["files"]>;
}

/** Makes both. The names are mail.a.example, a.example and pop.a.example; the first two are asked for. */
export async function siteWithAuthority(
  t: Scope,
  options: AuthorityOptions = {},
): Promise<{ site: Site; pebble: Pebble }> {
  const { address = "127.0.0.1" } = options;
  const here = { a: [address] };
  const site = await prepareSite(t, {
    zone: { "mail.a.example": here, "a.example": here, "pop.a.example": here },
    ...(options.files === undefined ? {} : { files: options.files }),
  });
  const pebble = await startPebble(t, { dns: site.dns.address, ...options });
  changeSettings(site, {
    hostname: "mail.a.example",
    acme: {
      domains: ["a.example", "mail.a.example"],
      email: "postmaster@a.example",
      directory: pebble.directory,
      agreeToTerms: true,
      listen: [`${address}:${pebble.challengePort}`],
      caFile: pebble.caFile,
      ...options.acme,
    },
    ...options.settings,
  });
  return { site, pebble };
}

/** Lays settings over those of a site; `acme` is laid over its own. */
export function changeSettings(
  site: Site,
  over: { readonly acme?: object; readonly [key: string]: unknown },
): void {
  const now = JSON.parse(site.read("etc/mail/mailhost.yaml"));
  const next = { ...now, ...over, acme: { ...now.acme, ...over.acme } };
  site.write("etc/mail/mailhost.yaml", `${JSON.stringify(next, undefined, 2)}\n`);
}
