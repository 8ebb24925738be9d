/**
 * `sendmail -bv`: where mail for an address would go, in Sendmail's words.
 */
import { domainKey } from "@mailhost/common/address";
import { NO_LOG } from "@mailhost/common/log/command-log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { findMailerRoute, readMailerRoute } from "@mailhost/common/tables/mailer-routes";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import type { Table } from "@mailhost/common/tables/table";
import { type Target, writtenTarget } from "../queue/queue-entry.ts";
import type { ResolvedRecipient } from "../recipients/recipient-parts.ts";
import { refusalCode, refusalText } from "../submit/refusal.ts";
import { resolveWritten } from "../submit/written-address.ts";
import type { SendmailStreams } from "./sendmail.ts";
import type { SendmailFlags } from "./sendmail-flags.ts";

/** Prints a line for each address that mail would go to. @returns the exit code */
export async function verifyAddresses(
  site: Site,
  flags: SendmailFlags,
  streams: SendmailStreams,
): Promise<number> {
  if (flags.recipients.length === 0) {
    streams.stderr("Recipient names must be specified");
    return EX_USAGE;
  }
  const settings = loadSettings(site);
  const tables = openSiteTables(site, { log: NO_LOG, settings });
  const hops = { mailertable: tables.mailertable, smartHost: settings.relay.smartHost };
  let code: number = EX_OK;
  try {
    for (const written of flags.recipients) {
      const result = await resolveWritten(written, { site, settings, tables });
      if (result.kind === "refused") {
        const text = refusalText(result.reply);
        streams.stdout(flags.json ? JSON.stringify({ address: written, ...result.reply }) : text);
        code = refusalCode(result.reply);
        continue;
      }
      if (flags.json) {
        const deliveries = result.recipients.map(({ address, target }) => ({
          address,
          ...mailerOf(address, target, hops),
        }));
        streams.stdout(JSON.stringify({ address: written, deliveries }));
        continue;
      }
      for (const recipient of result.recipients) {
        const { target } = recipient;
        if (target.kind === "error") {
          streams.stdout(refusalText(target.reply));
          code = refusalCode(target.reply);
          continue;
        }
        const { mailer, host, user } = mailerOf(recipient.address, target, hops);
        const where = host === undefined ? "" : ` host ${host},`;
        streams.stdout(
          `${shownName(written, recipient)}... deliverable: mailer ${mailer},${where} user ${user}`,
        );
      }
    }
  } finally {
    await tables.close();
  }
  return code;
}

/** The address as it was asked for, or as the alias or list that it stands in has it. */
function shownName(asked: string, { address, target, controlling }: ResolvedRecipient): string {
  if (controlling === undefined) return asked;
  return target.kind === "remote" ? address : writtenTarget(target);
}

/** What sends mail another way than the DNS says. */
export interface NextHops {
  readonly mailertable: Table;
  /** relay.smartHost. */
  readonly smartHost?: string | undefined;
}

/** What Sendmail calls the three parts of a delivery. */
export function mailerOf(
  address: string,
  target: Target,
  { mailertable, smartHost }: NextHops,
): { readonly mailer: string; readonly host?: string; readonly user: string } {
  switch (target.kind) {
    case "mailbox":
      return { mailer: "local", user: target.name };
    case "program":
      return { mailer: "prog", user: writtenTarget(target) };
    case "file":
      return { mailer: "*file*", user: target.path };
    case "error":
      return { mailer: "error", user: target.reply.text };
    case "remote": {
      const route =
        target.via === undefined
          ? (findMailerRoute(mailertable, domainKey(target.domain))?.route ??
            (smartHost === undefined ? undefined : readMailerRoute(smartHost)))
          : readMailerRoute(target.via);
      if (route?.kind === "smtp" && route.hosts !== "")
        return { mailer: route.mailer, host: route.hosts, user: address };
      const host = target.via ?? (target.domain.startsWith("[") ? target.domain : `${target.domain}.`);
      return { mailer: "esmtp", host, user: address };
    }
  }
}
