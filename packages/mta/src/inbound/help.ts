/**
 * HELP: the commands that this session may use, and a word on each. Replies have Sendmail's form.
 */
import { reply } from "../policy/reply.ts";
import { offeredMechanisms } from "./auth-offer.ts";
import { allowedVerbs, hasPrivacy } from "./privacy.ts";
import type { SmtpSession } from "./smtp-session.ts";

const TOPICS: Readonly<Record<string, readonly string[]>> = {
  helo: ["HELO <hostname>", "\tSay who you are."],
  ehlo: ["EHLO <hostname>", "\tSay who you are, and learn which extensions are on offer."],
  mail: ["MAIL From:<sender> [ <parameters> ]", "\tBegin a message. HELP DSN tells of parameters."],
  rcpt: ["RCPT To:<recipient> [ <parameters> ]", "\tAdd a recipient. HELP DSN tells of parameters."],
  data: ["DATA", "\tSend the message. It ends with a line that is a dot."],
  rset: ["RSET", "\tForget the message that was begun."],
  noop: ["NOOP", "\tDo nothing."],
  quit: ["QUIT", "\tEnd the session."],
  help: ["HELP [ <topic> ]", "\tThis."],
  vrfy: ["VRFY <recipient>", "\tAsk whether an address exists. EXPN tells where it leads."],
  expn: ["EXPN <recipient>", "\tAsk where an address leads, a list for one."],
  verb: ["VERB", "\tAccepted, and changes nothing."],
  etrn: [
    "ETRN <host> | @<domain>",
    "\tAsk for the mail that waits for a host, or for a domain and what is below it.",
  ],
  starttls: ["STARTTLS", "\tGo on encrypted."],
  auth: ["AUTH <mechanism>", "\tSay who you are, with proof."],
  dsn: [
    "MAIL From:<sender> [ RET={ FULL | HDRS } ] [ ENVID=<id> ]",
    "RCPT To:<recipient> [ NOTIFY={ NEVER | SUCCESS,FAILURE,DELAY } ] [ ORCPT=<type>;<address> ]",
    "\tAsk for reports on delivery (RFC 3461).",
  ],
};

/** Topics a line of the list. */
const A_LINE = 5;

export async function help(session: SmtpSession, argument: string): Promise<void> {
  const topic = argument.trim().split(/\s+/)[0]?.toLowerCase() ?? "";
  if (topic === "") {
    await session.replyHarmlessLines(214, "2.0.0", overview(session));
    return;
  }
  const lines = topicsOf(session).includes(topic) ? TOPICS[topic] : undefined;
  if (lines === undefined) {
    await session.replyHarmless(reply(504, "5.3.0", `HELP topic "${topic.slice(0, 100)}" unknown`));
    return;
  }
  await session.replyHarmlessLines(214, "2.0.0", [...lines, "End of HELP info"]);
}

function overview(session: SmtpSession): string[] {
  const names = topicsOf(session).map((name) => name.toUpperCase());
  const rows: string[] = [];
  for (let i = 0; i < names.length; i += A_LINE) rows.push(`\t${names.slice(i, i + A_LINE).join("\t")}`);
  return [
    "This is mailhost",
    "Topics:",
    ...rows,
    'For more info use "HELP <topic>".',
    "For local information send email to Postmaster at your site.",
    "End of HELP info",
  ];
}

/** What may be used here and now: no STARTTLS without a certificate, no verb that PrivacyOptions forbid. */
function topicsOf(session: SmtpSession): string[] {
  const settings = session.inbound.settings();
  const verbs = new Set(allowedVerbs(settings).map((verb) => verb.toLowerCase()));
  const hidden = (name: string): boolean => {
    if (name === "starttls") return !session.listener.offersTls || session.secure;
    if (name === "auth") return offeredMechanisms(session).length === 0;
    if (name === "vrfy") return hasPrivacy(settings, "novrfy");
    return ["expn", "verb", "etrn"].includes(name) && !verbs.has(name);
  };
  return Object.keys(TOPICS).filter((name) => !hidden(name));
}
