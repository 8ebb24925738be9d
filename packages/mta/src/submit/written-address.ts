/**
 * An address as a user wrote it on a command line or in a header, and where its mail goes.
 */
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { systemClock } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { recipientParts } from "../inbound/inbound-parts.ts";
import { readPathCommand } from "../inbound/path-command.ts";
import { interfaceAddresses } from "../policy/local-domains.ts";
import { reply, replyAbout } from "../policy/reply.ts";
import { type ListFiles, openListFiles } from "../recipients/list-files.ts";
import { senderUser } from "../recipients/local-sender.ts";
import { type RecipientParts, type ResolvedRecipient, resolveRecipient } from "../recipients/resolve.ts";

/** Where the mail for it goes, or why it goes nowhere. */
export type Written =
  | {
      readonly kind: "targets";
      readonly address: string;
      readonly recipients: readonly ResolvedRecipient[];
    }
  | { readonly kind: "refused"; readonly reply: SmtpReply };

/** What addresses are resolved by. */
export interface AddressBook {
  readonly site: Site;
  readonly settings: Settings;
  readonly tables: SiteTables;
  /** Reads `.forward` and `:include:` files; absent: as whoever runs this may read them. */
  readonly lists?: ListFiles | undefined;
  /** As Sendmail's rulesets have it: no aliases, and every local name exists. */
  readonly rulesOnly?: true;
}

/** Resolves an address as a user wrote it. */
export async function resolveWritten(written: string, book: AddressBook): Promise<Written> {
  const direct = directKind(written);
  if (direct !== undefined)
    return refused(replyAbout(written, 550, "5.0.0", `Cannot mail directly to ${direct}`));
  // `\joe` is joe, and no alias.
  const bare = written.replace(/^<(.*)>$/, "$1").replace(/^\\/, "");
  if (/^[^<]*>|^<[^>]*$/.test(written)) {
    return refused(replyAbout(written, 553, "5.0.0", `Unbalanced '${written.includes("<") ? "<" : ">"}'`));
  }
  const path = readPathCommand("TO", `TO:<${bare}>`);
  if (!path.ok) return refused(path.reply);
  const { address } = path.value;
  if (address === "") return refused(reply(553, "5.1.3", "User address required"));
  const resolved = await resolveRecipient(address, partsOf(book));
  return resolved.kind === "targets"
    ? { kind: "targets", address, recipients: resolved.recipients }
    : refused(resolved.reply);
}

/** How the log tells of a sender that is a user of ours. */
export function senderUserOf(sender: string, book: AddressBook): string | undefined {
  return senderUser(partsOf(book), sender, `<${sender}>`);
}

function partsOf({ site, settings, tables, lists, rulesOnly }: AddressBook): RecipientParts {
  if (rulesOnly === true) {
    return recipientParts({
      settings: () => settings,
      tables: { ...tables, aliases: { file: "", get: () => undefined, entries: () => [] } },
      accounts: () => ({
        find: (name) => ({ name, source: "file" }),
        lookUp: (name) => Promise.resolve({ name, source: "file" }),
        verify: () => Promise.resolve(undefined),
        names: () => [],
        hasDomain: () => false,
      }),
      ownAddresses: interfaceAddresses,
    });
  }
  return recipientParts({
    settings: () => settings,
    tables,
    accounts: () => openAccounts(site, settings),
    ownAddresses: interfaceAddresses,
    lists: lists ?? openListFiles({ clock: systemClock }),
  });
}

function refused(r: SmtpReply): Written {
  return { kind: "refused", reply: r };
}

/** What only an alias may name. */
function directKind(written: string): string | undefined {
  const name = written.replace(/^<(.*)>$/, "$1").replace(/^"(.*)"$/, "$1");
  if (name.startsWith("|")) return "programs";
  if (name.startsWith("/") && !name.includes("@")) return "files";
  return name.toLowerCase().startsWith(":include:") ? ":include:s" : undefined;
}
