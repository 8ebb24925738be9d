/**
 * What a case of the comparison is: a dialogue over SMTP or a command, which both hosts get in the same words.
 */
/** A dialogue. */
export interface SmtpCase {
  readonly name: string;
  /** The client's address; see {@link CLIENTS}. */
  readonly client?: string;
  /** What it sends, line by line. Each line is answered; a line with line feeds is a whole message after `DATA`. */
  readonly lines: readonly string[];
}

/** A command; its first word is `sendmail`, `mailq`, `newaliases`, `praliases` or `makemap`. */
export interface CommandCase {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly input?: string;
}

export type Case = SmtpCase | CommandCase;

/** Both hosts with the same tables, and the cases that run against them. */
export interface SiteCases {
  /** For messages and for the reasons of differences. */
  readonly name: string;
  /** Lines of the .mc that both are built from. */
  readonly features: string;
  /** Files below `/`: tables of etc/mail, `home/alice/.forward`. */
  readonly files: Readonly<Record<string, string>>;
  /** Files that programs and aliases write; what is in them counts as delivered there. */
  readonly written?: readonly string[];
  readonly cases: readonly Case[];
}

/** Clients by what DNS says of them (see zone.ts). */
export const CLIENTS = {
  /** Has a name, and the name has the address. */
  named: "198.51.100.7",
  /** Its name has another address. */
  forged: "198.51.100.8",
  /** Has no name. */
  nameless: "198.51.100.9",
  /** Its name cannot be looked up just now. */
  unsure: "198.51.100.10",
  /** The article's network. */
  lan: "202.99.11.9",
  lanOther: "202.99.11.120",
  /** Its name is below one of our domains. */
  ours: "198.51.100.20",
  loopback: "127.0.0.1",
} as const;

/** What a message of a case is made of. */
export interface Mail {
  readonly from?: string;
  readonly to: string | readonly string[];
  /** After the address in MAIL, with a blank before it. */
  readonly mailParameters?: string;
  readonly rcptParameters?: string;
  /** The header's lines, in place of a From, To, Subject, Date and Message-ID. */
  readonly header?: readonly string[];
  readonly body?: string;
}

const MARK = "\u0000";

/** The text that stands in each message for the number of its case, so that what arrives can be told apart. */
export const TOKEN = `case-${MARK}-`;

/** The lines for one message. */
export function message(mail: Mail): string[] {
  const to = typeof mail.to === "string" ? [mail.to] : mail.to;
  const from = mail.from ?? "sender@example.com";
  const header = mail.header ?? [`From: <${from === "" ? "sender@example.com" : from}>`, `To: <${to[0]}>`];
  const date = "Date: Mon, 4 Jun 2001 09:00:00 +0800";
  return [
    `MAIL FROM:<${from}>${mail.mailParameters ?? ""}`,
    ...to.map((address) => `RCPT TO:<${address}>${mail.rcptParameters ?? ""}`),
    "DATA",
    `${[...header, date, `Message-ID: <${TOKEN}@client.example.com>`, "Subject: side by side"].join("\n")}\n\n${mail.body ?? "text"}\n`,
  ];
}

/** A case that sends a message. */
export function sends(name: string, mail: Mail, client?: string): SmtpCase {
  return { name, ...(client === undefined ? {} : { client }), lines: [HELLO, ...message(mail), "QUIT"] };
}

/** A case that asks how far an envelope comes, and sends nothing. */
export function asks(name: string, from: string, to: string | readonly string[], client?: string): SmtpCase {
  const all = typeof to === "string" ? [to] : to;
  return {
    name,
    ...(client === undefined ? {} : { client }),
    lines: [HELLO, `MAIL FROM:<${from}>`, ...all.map((address) => `RCPT TO:<${address}>`), "RSET", "QUIT"],
  };
}

export const HELLO = "EHLO client.example.com";

/** The case's own number in place of the mark. */
export function numbered(text: string, number: number): string {
  return text.replaceAll(MARK, String(number));
}
