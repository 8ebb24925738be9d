/**
 * The header of a message that a local user submits: our trace field, what the message lacks, blind copies taken out, and
 * the warnings when a user claims to be somebody else (Sendmail's `X-Authentication-Warning`).
 */
import { domainKey, splitAddress } from "@mailhost/common/address";
import type { Clock } from "@mailhost/common/clock";
import type { HeaderRules } from "../inbound/header-filter.ts";
import { recipientParts } from "../inbound/inbound-parts.ts";
import { readPathCommand } from "../inbound/path-command.ts";
import { localReceivedHeader } from "../inbound/received-header.ts";
import { BLIND_FIELDS, fromAddress, missingFields } from "../inbound/submission-fields.ts";
import { interfaceAddresses } from "../policy/local-domains.ts";
import type { Submission } from "./accept-submission.ts";
import { RECIPIENT_FIELDS } from "./header-recipients.ts";
import type { AddressBook } from "./written-address.ts";

/** The part of an intake that concerns the header. */
export interface SubmittedHeader {
  readonly trace: (id: string) => string;
  readonly header: (id: string) => HeaderRules;
}

/** The envelope sender: -f, or the user at this host. What cannot be an address is the user, as in Sendmail. */
export function senderOf({ request, user }: Submission, hostname: string): string {
  const written = (request.sender ?? user).replace(/^[^<>]*<([^<>]*)>$/, "$1");
  // It goes into From lines, headers and other hosts' commands.
  const given = readPathCommand("FROM", `FROM:<${written}>`).ok ? written : user;
  return given === "" || splitAddress(given).domain !== "" ? given : `${given}@${hostname}`;
}

/** How the header of a submission is completed. */
export function submittedHeader(
  submission: Submission,
  book: AddressBook,
  sender: string,
  clock: Clock,
): SubmittedHeader {
  const { request, user } = submission;
  const { hostname } = book.settings;
  const only = request.recipients.length === 1 && !request.fromHeader ? request.recipients[0] : undefined;
  const warnings = warningsOf(submission, book)
    .map((text) => `X-Authentication-Warning: ${hostname}: ${plain(text)}\r\n`)
    .join("");
  return {
    trace: (id) =>
      localReceivedHeader({
        user,
        hostname,
        id,
        ...(only === undefined || /\p{Cc}/u.test(only) ? {} : { recipient: only.replace(/[<>]/g, "") }),
        now: clock.now(),
      }) + warnings,
    header: (id) => ({
      drop: BLIND_FIELDS,
      keep: new Set([...RECIPIENT_FIELDS, "message-id"]),
      missing: (seen) =>
        request.bySmtp === true
          ? ""
          : missingFields(seen, {
              hostname,
              id,
              from: fromText(submission, fromAddress(sender, hostname)),
              now: clock.now(),
            }),
    }),
  };
}

function fromText({ request, fullName, user }: Submission, address: string): string {
  // The system's full name is the user's own; somebody else's address does not get it.
  const own = splitAddress(address).localPart === user ? fullName : undefined;
  const name = plain(request.fullName ?? own ?? "").trim();
  const phrase =
    name === ""
      ? ""
      : /^[\w !#$%&'*+/=?^`{|}~-]+$/.test(name) && request.fullName === undefined
        ? `${name} `
        : `"${name.replace(/["\\]/g, "\\$&")}" `;
  return `${phrase}<${plain(address)}>`;
}

/** Who did what he may do and should not hide (PrivacyOptions authwarnings). */
function warningsOf({ request, user }: Submission, { settings, tables }: AddressBook): string[] {
  if (!settings.smtp.privacy.some((option) => option === "authwarnings" || option === "goaway")) return [];
  const said = [...(request.warnings ?? [])];
  // Whoever writes a request of his own may leave it out.
  const bySmtp = `${user} owned process doing -bs`;
  if (request.bySmtp === true && !said.includes(bySmtp)) said.push(bySmtp);
  if (request.bySmtp === true || request.sender === undefined || tables.trustedUsers.has(user)) return said;
  const { localPart, domain } = splitAddress(request.sender.replace(/^<(.*)>$/, "$1"));
  const parts = recipientParts({
    settings: () => settings,
    tables,
    accounts: () => ({
      find: () => undefined,
      lookUp: () => Promise.resolve(undefined),
      verify: () => Promise.resolve(undefined),
      names: () => [],
      hasDomain: () => false,
    }),
    ownAddresses: interfaceAddresses,
  });
  const own = localPart === user && (domain === "" || parts.isLocalDomain(domainKey(domain)));
  if (!own) said.push(`${user} set sender to ${request.sender === "" ? "<>" : request.sender} using -f`);
  return said;
}

function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}
