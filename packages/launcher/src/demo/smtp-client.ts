/**
 * As much of an SMTP client as the demonstration needs.
 */
import type { LineDialogue } from "./line-dialogue.ts";

/** A reply of the server: all its lines in one, `250 2.0.0 …`. */
export interface Reply {
  readonly code: number;
  /** The last line as it came. */
  readonly text: string;
}

/** What is sent. */
export interface Mail {
  readonly from: string;
  readonly to: string;
  /** Lines of header and body. */
  readonly lines: readonly string[];
  /** Logs in with AUTH PLAIN (RFC 4616). */
  readonly login?: { readonly user: string; readonly password: string };
}

/** Reads a reply of one or more lines (RFC 5321 section 4.2.1). */
export async function readReply(dialogue: LineDialogue): Promise<Reply> {
  for (;;) {
    const line = await dialogue.readLine();
    const match = /^(\d{3})([ -]?)/.exec(line);
    if (match === null) throw new Error(`no SMTP reply: ${line}`);
    if (match[2] !== "-") return { code: Number(match[1]), text: line };
  }
}

/**
 * Sends one message on a new connection.
 *
 * @returns the reply to the end of the message, or the first that refuses
 */
export async function sendMail(dialogue: LineDialogue, mail: Mail): Promise<Reply> {
  const say = (line: string) => {
    dialogue.send(line);
    return readReply(dialogue);
  };
  const { login } = mail;
  const data = mail.lines.map((line) => (line.startsWith(".") ? `.${line}` : line));
  const steps: (() => Promise<Reply>)[] = [
    () => readReply(dialogue),
    () => say("EHLO demo.example"),
    ...(login === undefined ? [] : [() => say(`AUTH PLAIN ${initialResponse(login)}`)]),
    () => say(`MAIL FROM:<${mail.from}>`),
    () => say(`RCPT TO:<${mail.to}>`),
    () => say("DATA"),
    () => say([...data, "."].join("\r\n")),
  ];
  let reply: Reply = { code: 0, text: "" };
  for (const step of steps) {
    reply = await step();
    if (reply.code >= 400) break;
  }
  await say("QUIT");
  return reply;
}

function initialResponse({ user, password }: NonNullable<Mail["login"]>): string {
  return Buffer.from(`\0${user}\0${password}`).toString("base64");
}
