/**
 * A minimal SMTP client for tests: every reply is returned, none is judged, and the message goes out byte for byte.
 */
import { Connection, type ConnectOptions, type Endpoint } from "./connection.ts";

/** A reply, all its lines. */
export interface Reply {
  readonly code: number;
  /** The lines after the code and the separator, joined by LF. */
  readonly text: string;
}

/** An open session. */
export interface SmtpClient {
  readonly connection: Connection;
  readonly greeting: Reply;
  /** Sends a command (or nothing, to read one more reply) and reads its reply. */
  command(line: string): Promise<Reply>;
  read(): Promise<Reply>;
  /** Sends the message after 354 (dot-stuffed, with a final CRLF when it has none) and reads the reply. */
  data(message: Buffer | string): Promise<Reply>;
  /** One transaction: stops at the first refusal of MAIL or DATA; resolves with the reply that ended it. */
  send(mail: Envelope, message: Buffer | string): Promise<Reply>;
  quit(): Promise<void>;
  close(): void;
}

/** Who sends to whom. */
export interface Envelope {
  /** Without angle brackets; "" is the null sender. */
  readonly from: string;
  readonly to: string | readonly string[];
  /** Added to MAIL: ` SIZE=1000`. */
  readonly mailParameters?: string;
  readonly rcptParameters?: string;
}

/** How to open a session. */
export interface SmtpOptions extends ConnectOptions {
  /** The name given with EHLO; `client.test` when not given. */
  readonly helo?: string;
}

/** Opens a session and says EHLO. Where that fails, as with a server of another kind, the connection is closed. */
export async function openSmtp(to: Endpoint, options: SmtpOptions = {}): Promise<SmtpClient> {
  const connection = await Connection.open(to, options);
  try {
    return await smtpOver(connection, options);
  } catch (error) {
    // Left open, it would keep the test's process for as long as the other side likes.
    connection.close();
    throw error;
  }
}

/** The same over a connection that is there already, such as an encrypted one. */
export async function smtpOver(
  connection: Connection,
  options: SmtpOptions & { readonly greeted?: boolean } = {},
): Promise<SmtpClient> {
  const read = () => readReply(connection);
  const command = async (line: string): Promise<Reply> => {
    await connection.write(`${line}\r\n`);
    return read();
  };
  const data = async (message: Buffer | string): Promise<Reply> => {
    await connection.write(dotStuffed(message));
    return read();
  };
  const greeting = options.greeted === true ? { code: 220, text: "" } : await read();
  if (greeting.code === 220) await command(`EHLO ${options.helo ?? "client.test"}`);
  return {
    connection,
    greeting,
    command,
    read,
    data,
    async send(mail, message) {
      const began = await command(`MAIL FROM:<${mail.from}>${mail.mailParameters ?? ""}`);
      if (began.code !== 250) return began;
      let refusal: Reply | undefined;
      let accepted = 0;
      for (const to of typeof mail.to === "string" ? [mail.to] : mail.to) {
        const reply = await command(`RCPT TO:<${to}>${mail.rcptParameters ?? ""}`);
        if (reply.code === 250) accepted += 1;
        else refusal = reply;
      }
      if (accepted === 0) {
        await command("RSET");
        return refusal ?? began;
      }
      const go = await command("DATA");
      return go.code === 354 ? data(message) : go;
    },
    async quit() {
      try {
        await command("QUIT");
      } finally {
        connection.close();
      }
    },
    close: () => connection.close(),
  };
}

/** Opens a session, sends one message, ends. Resolves with the reply that decided. */
export async function sendMail(
  to: Endpoint,
  mail: Envelope,
  message: Buffer | string,
  options: SmtpOptions = {},
): Promise<Reply> {
  const client = await openSmtp(to, options);
  try {
    if (client.greeting.code !== 220) return client.greeting;
    const reply = await client.send(mail, message);
    await client.quit();
    return reply;
  } finally {
    client.close();
  }
}

/** Reads one reply with all its lines. */
export async function readReply(connection: Connection): Promise<Reply> {
  const lines: string[] = [];
  for (;;) {
    const line = await connection.readText();
    if (!/^\d{3}([ -]|$)/.test(line)) throw new Error(`not an SMTP reply: ${JSON.stringify(line)}`);
    lines.push(line.slice(4));
    if (line[3] !== "-") return { code: Number(line.slice(0, 3)), text: lines.join("\n") };
  }
}

/**
 * The message with its dots doubled and the end mark (RFC 5321 section 4.5.2). A dot after a bare LF is doubled too, as
 * clients do that take LF for a line end, but only CRLF comes before the end mark.
 */
export function dotStuffed(message: Buffer | string): Buffer {
  const text = typeof message === "string" ? message : message.toString("latin1");
  const stuffed = (text.startsWith(".") ? `.${text}` : text).replaceAll("\n.", "\n..");
  const end = stuffed.endsWith("\r\n") || stuffed === "" ? ".\r\n" : "\r\n.\r\n";
  return Buffer.from(stuffed + end, typeof message === "string" ? "utf8" : "latin1");
}
