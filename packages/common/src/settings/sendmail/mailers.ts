/**
 * What the mailers of a configuration mean: who writes mailboxes, where programs come from, which port other hosts are called on.
 */
import { posix } from "node:path";
import type { Draft } from "./draft.ts";
import { addNote, type Given, type MailerLine, type SendmailConfig } from "./model.ts";

/** Mailers of Sendmail's own m4 files beside those that are carried over, each with what becomes of it. */
const OTHER_MAILERS: Readonly<Record<string, string>> = {
  usenet: "news is not posted",
  cyrus: "Cyrus is reached over LMTP: FEATURE(`local_lmtp')",
  cyrusbb: "Cyrus is reached over LMTP: FEATURE(`local_lmtp')",
  cyrusv2: "Cyrus is reached over LMTP: FEATURE(`local_lmtp')",
};

/** Mailers that are part of mailhost, or that only rules name which are passed over. */
const OWN_MAILERS = new Set([
  "local",
  "prog",
  "smtp",
  "esmtp",
  "smtp8",
  "dsmtp",
  "relay",
  "procmail",
  "error",
]);

/** Applies `M` lines. */
export function applyMailers(config: SendmailConfig, draft: Draft): void {
  const local = config.mailers.get("local");
  if (local !== undefined) applyLocal(local, draft);
  const prog = config.mailers.get("prog");
  if (prog !== undefined) applyProg(prog, draft);
  const esmtp = config.mailers.get("esmtp") ?? config.mailers.get("smtp");
  const port = portOf(esmtp);
  if (port !== undefined) draft.set("relay.port", port, esmtp!.origin);
  for (const [name, { origin }] of config.mailers) {
    if (OWN_MAILERS.has(name)) continue;
    draft.note(
      origin,
      `mailer ${name}: ${OTHER_MAILERS[name] ?? "not carried over; mail goes by SMTP or to a mailbox"}`,
    );
  }
}

/** The port in `A=TCP $h 2525`, of the mailer that smart hosts are called with. */
export function relayPort(config: SendmailConfig): number | undefined {
  return portOf(config.mailers.get("relay"));
}

function portOf(mailer: Given<MailerLine> | undefined): number | undefined {
  const [, , port] = (mailer?.value.args ?? "").split(/\s+/);
  return port !== undefined && /^\d{1,5}$/.test(port) ? Number(port) : undefined;
}

function applyLocal({ value: { path, args }, origin }: Given<MailerLine>, draft: Draft): void {
  const program = posix.basename(path);
  const [name = "", ...rest] = args.split(/\s+/);
  if (program === "procmail") {
    draft.set("local.mailer", "procmail", origin);
    draft.set("local.procmailCommand", [path, ...rest].join(" "), origin);
  } else if (path === "[IPC]" || path === "[LPC]") {
    const [host, port] = rest;
    if (name === "TCP" && host !== undefined && !host.startsWith("$") && port !== undefined) {
      draft.set("local.mailer", "lmtp", origin);
      draft.set("local.lmtpCommand", `${host}:${port}`, origin);
    } else if (host !== "$h") {
      draft.note(
        origin,
        `local mailer ${args}: mailhost writes the mailboxes itself; LMTP goes to host:port`,
      );
    }
  } else if (program === "mail.local" && rest.includes("-l")) {
    draft.set("local.mailer", "lmtp", origin);
    draft.set("local.lmtpCommand", [path, ...rest].join(" "), origin);
  } else if (!/^(?:r|l|bell|bin)?mail(?:\.local|x)?$|^deliver$/.test(program)) {
    draft.note(origin, `local mailer ${path}: not called; mailhost writes the mailboxes itself`);
  }
}

/** smrsh takes programs from one folder only; where, is compiled into it, and usually is this. */
const SMRSH_FOLDER = "etc/mail/smrsh";

function applyProg({ value: { path, args }, origin }: Given<MailerLine>, draft: Draft): void {
  if (path === "[IPC]") return;
  const smrsh = posix.basename(path) === "smrsh" || /^smrsh\b/.test(args);
  draft.set("local.programDirectory", smrsh ? SMRSH_FOLDER : "", origin);
}

/** Notes a mailer of Sendmail's own that a `config.mc` asks for and mailhost has not. */
export function noteMailer(config: SendmailConfig, name: string, given: Given): void {
  if (MC_MAILERS[name] !== "")
    addNote(config, given.origin, `MAILER(${name}): ${MC_MAILERS[name] ?? "not carried over"}`);
}

/** The MAILERs of Sendmail's m4 files; the empty ones are carried over. */
export const MC_MAILERS: Readonly<Record<string, string>> = {
  local: "",
  smtp: "",
  procmail: "",
  cyrus: OTHER_MAILERS.cyrus!,
  cyrusv2: OTHER_MAILERS.cyrusv2!,
  fax: "mail is not faxed",
  mail11: "DECnet is not spoken",
  phquery: "the phone book is not asked",
  pop: "mailboxes are served by mailhost's own POP3 server",
  qpage: "pagers are not called",
  ssh: "mail is not sent through ssh",
  usenet: OTHER_MAILERS.usenet!,
  uucp: "UUCP is not spoken",
  xagent: "no further agent is called",
};
