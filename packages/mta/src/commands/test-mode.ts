/**
 * `sendmail -bt`: address test mode over a site's tables. Reads commands from standard input; needs no daemon.
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { domainKey, splitAddress } from "@mailhost/common/address";
import { systemClock } from "@mailhost/common/clock";
import { NO_LOG } from "@mailhost/common/log/command-log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_OK } from "@mailhost/common/sysexits";
import { openSiteTables, type SiteTables } from "@mailhost/common/tables/site-tables";
import { createResolver } from "../dns/system-resolver.ts";
import { hostPolicyFacts } from "../policy/host-facts.ts";
import { findLocalDomain, interfaceAddresses } from "../policy/local-domains.ts";
import { createAddressRewriter } from "../rewrite/address-rewriter.ts";
import { resolveWritten } from "../submit/written-address.ts";
import type { SendmailStreams } from "./sendmail.ts";
import { openTestSession, type TestParts } from "./test-mode-session.ts";

/** Answers until `/quit` or the end of input. @returns the exit code */
export async function testMode(
  site: Site,
  streams: SendmailStreams,
  prompt: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<number> {
  const settings = loadSettings(site);
  const tables = openSiteTables(site, { log: NO_LOG, settings });
  try {
    const session = openTestSession(partsOf(site, settings, tables));
    streams.stdout("ADDRESS TEST MODE (ruleset 3 NOT automatically invoked)");
    streams.stdout("Enter <ruleset> <address>");
    prompt("> ");
    for await (const line of createInterface({ input: Readable.from(streams.stdin) })) {
      const answer = await session.answer(line);
      if (answer === undefined) return EX_OK;
      for (const text of answer) streams.stdout(text);
      prompt("> ");
    }
    return EX_OK;
  } finally {
    await tables.close();
  }
}

function partsOf(site: Site, settings: Settings, tables: SiteTables): TestParts {
  const withNames = (more: ReadonlySet<string>): SiteTables =>
    more.size === 0
      ? tables
      : {
          ...tables,
          localHostNames: {
            file: tables.localHostNames.file,
            has: (domain) => more.has(domainKey(domain)) || tables.localHostNames.has(domain),
            entries: () => [...tables.localHostNames.entries(), ...more],
          },
        };
  const factsOf = (more: ReadonlySet<string>) =>
    hostPolicyFacts({ settings, tables: withNames(more), ownAddresses: interfaceAddresses });
  const isOurName = (name: string) =>
    findLocalDomain(domainKey(name), settings.hostname, tables.localHostNames, interfaceAddresses) !==
    undefined;
  const rewrite = createAddressRewriter({ settings, tables, isOurName });
  return {
    hostname: settings.hostname,
    smartHost: settings.relay.smartHost,
    tables,
    facts: factsOf,
    resolve: (address, more) =>
      resolveWritten(address, { site, settings, tables: withNames(more), rulesOnly: true }),
    rewrite: (address, { sender, header }) => {
      const { localPart, domain } = splitAddress(address);
      const to = rewrite(
        { localPart, domain },
        {
          in: header ? "header" : "envelope",
          role: sender ? "sender" : "recipient",
          mailer: "smtp",
          qualify: true,
        },
      );
      return to.domain === "" ? to.localPart : `${to.localPart}@${to.domain}`;
    },
    resolver: createResolver(settings.dns, systemClock),
    ownNames: () => [
      settings.hostname,
      "localhost",
      ...tables.localHostNames.entries(),
      ...[...interfaceAddresses()].map((ip) => `[${ip}]`),
    ],
  };
}
