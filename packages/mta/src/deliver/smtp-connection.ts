/**
 * A connection to an SMTP server that has greeted, been greeted, and, where both sides can, gone under TLS: ready for a
 * transaction (smtp-dialogue.ts). It serves one after another.
 */
import type { Clock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import { counted } from "../log/statistics.ts";
import { type AuthInfo, authenticate } from "./smtp-auth.ts";
import { SmtpChannel } from "./smtp-channel.ts";
import { PLAIN_SMTP, readExtensions, type SmtpExtensions } from "./smtp-extensions.ts";
import { SmtpFault, type Stage } from "./smtp-fault.ts";
import { type ServerReply, smtpReply, transcriptOf } from "./smtp-reply.ts";
import type { SmtpTimeouts } from "./smtp-timeouts.ts";

/** One address of one host. */
export interface SmtpPeer {
  /** Host name, or an address literal. */
  readonly name: string;
  /** IP address. */
  readonly address: string;
  readonly port: number;
}

/** What a connection needs from its surroundings. */
export interface ConnectionParts {
  /** The name that we greet with. */
  readonly hostname: string;
  readonly startTls: boolean;
  readonly timeouts: SmtpTimeouts;
  /** Name and password for a server that asks for them. */
  readonly authInfo?: (peer: SmtpPeer) => AuthInfo | undefined;
  /** PLAIN and LOGIN may be used without TLS. */
  readonly allowPlaintextAuth?: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** An open connection. */
export class SmtpConnection {
  /** For the log: `mx.example.com. [192.0.2.1]`. */
  readonly relay: string;
  /** Name of the host, without a trailing dot. */
  readonly host: string;
  readonly offered: SmtpExtensions;
  readonly timeouts: SmtpTimeouts;
  /** True for LMTP: a message gets a reply for each of its recipients (RFC 2033 section 4.2). */
  readonly lmtp: boolean;
  /** Transactions that it has served. */
  served = 0;
  /** True when the last transaction ended half way: RSET comes before the next. */
  needsReset = false;
  readonly #channel: SmtpChannel;

  constructor(
    peer: SmtpPeer,
    channel: SmtpChannel,
    offered: SmtpExtensions,
    { timeouts, lmtp = false }: { readonly timeouts: SmtpTimeouts; readonly lmtp?: boolean },
  ) {
    this.lmtp = lmtp;
    this.relay = relayText(peer);
    this.host = peer.name;
    this.offered = offered;
    this.timeouts = timeouts;
    this.#channel = channel;
  }

  /** True when the server has hung up or spoken out of turn: no next transaction. */
  get disturbed(): boolean {
    return this.#channel.disturbed;
  }

  /** Sends one or more command lines at once. */
  send(lines: readonly string[], stage: Stage): Promise<void> {
    return this.#channel.write(`${lines.join("\r\n")}\r\n`, stage, this.timeouts.block);
  }

  /** Sends bytes of the message, and with the last of them what ends it. */
  write(bytes: Buffer, stage: Stage, end?: Buffer): Promise<void> {
    return this.#channel.write(bytes, stage, this.timeouts.block, end);
  }

  /**
   * The reply to the oldest command that has none yet.
   *
   * @throws SmtpFault also for a 421, which ends a connection wherever it comes (RFC 5321 section 3.8)
   */
  async reply(stage: Stage, timeout: number): Promise<ServerReply> {
    const reply = await this.#channel.reply(stage, timeout);
    if (reply.code === 421) throw refusal(stage, this.host, reply);
    return reply;
  }

  /** Ends a connection that went wrong. */
  destroy(): void {
    this.#channel.destroy();
  }

  /** Says QUIT, waits a moment for the answer, hangs up. Never rejects. */
  async quit(): Promise<void> {
    await goodbye(this.#channel, this.timeouts);
  }
}

/**
 * Connects, greets, and goes under TLS when the server offers it. A server whose TLS does not work is called again without
 * it: before mail could not be sent at all, in the clear is no worse than it was (RFC 7435).
 *
 * @throws SmtpFault
 */
export async function openSmtpConnection(peer: SmtpPeer, parts: ConnectionParts): Promise<SmtpConnection> {
  try {
    return await openOnce(peer, parts);
  } catch (error) {
    if (!(error instanceof SmtpFault) || error.stage !== "STARTTLS") throw error;
    parts.log.write(
      "info",
      `STARTTLS=client, relay=${relayText(peer)}, failed: ${error.message}; called again without`,
    );
    return openOnce(peer, { ...parts, startTls: false });
  }
}

/**
 * Takes up an LMTP connection over a channel that is open (RFC 2033): greeting and LHLO.
 *
 * @throws SmtpFault; the channel is destroyed then
 */
export async function openLmtpConnection(
  peer: SmtpPeer,
  channel: SmtpChannel,
  parts: Pick<ConnectionParts, "hostname" | "timeouts">,
): Promise<SmtpConnection> {
  const { timeouts, hostname } = parts;
  try {
    const greeting = await channel.reply("greeting", timeouts.greeting);
    if (!isPositive(greeting)) throw refusal("greeting", peer.name, greeting);
    await channel.write(`LHLO ${hostname}\r\n`, "EHLO", timeouts.hello);
    const reply = await channel.reply("EHLO", timeouts.hello);
    if (!isPositive(reply)) throw refusal("EHLO", peer.name, reply, [`>>> LHLO ${hostname}`]);
    return new SmtpConnection(peer, channel, readExtensions(reply), { timeouts, lmtp: true });
  } catch (error) {
    channel.destroy();
    throw error;
  }
}

/** `mx.example.com. [192.0.2.1]`, as Sendmail's log has it. */
export function relayText(peer: SmtpPeer): string {
  const address = peer.address.includes(":") ? `IPv6:${peer.address}` : peer.address;
  return `${fullName(peer.name)} [${address}]`;
}

async function openOnce(peer: SmtpPeer, parts: ConnectionParts): Promise<SmtpConnection> {
  const { timeouts, clock } = parts;
  const channel = await SmtpChannel.open({
    address: peer.address,
    port: peer.port,
    host: fullName(peer.name),
    timeout: timeouts.connect,
    clock,
  });
  counted(parts.log, { what: "outgoing connection" });
  try {
    const greeting = await channel.reply("greeting", timeouts.greeting);
    if (!isPositive(greeting)) throw refusal("greeting", peer.name, greeting);
    let offered = await hello(peer, channel, parts);
    const secure = parts.startTls && offered.startTls;
    if (secure) offered = await goSecure(peer, channel, parts);
    const info = parts.authInfo?.(peer);
    if (info !== undefined && offered.auth.length > 0)
      await logIn(peer, channel, { parts, offered, secure, info });
    return new SmtpConnection(peer, channel, offered, { timeouts });
  } catch (error) {
    // A refused client still says QUIT; in every other case nobody is there to hear it.
    if (error instanceof SmtpFault && error.transcript.length > 0) void goodbye(channel, timeouts);
    else channel.destroy();
    throw error;
  }
}

/** EHLO, or HELO for a server that does not know it (RFC 5321 section 3.2). */
async function hello(peer: SmtpPeer, channel: SmtpChannel, parts: ConnectionParts): Promise<SmtpExtensions> {
  const { timeouts } = parts;
  await channel.write(`EHLO ${parts.hostname}\r\n`, "EHLO", timeouts.hello);
  const reply = await channel.reply("EHLO", timeouts.hello);
  if (isPositive(reply)) return readExtensions(reply);
  if (reply.code < 500) throw refusal("EHLO", peer.name, reply, [`>>> EHLO ${parts.hostname}`]);
  await channel.write(`HELO ${parts.hostname}\r\n`, "EHLO", timeouts.hello);
  const older = await channel.reply("EHLO", timeouts.hello);
  if (!isPositive(older)) throw refusal("EHLO", peer.name, older, [`>>> HELO ${parts.hostname}`]);
  return PLAIN_SMTP;
}

async function goSecure(
  peer: SmtpPeer,
  channel: SmtpChannel,
  parts: ConnectionParts,
): Promise<SmtpExtensions> {
  await channel.write("STARTTLS\r\n", "STARTTLS", parts.timeouts.startTls);
  const reply = await channel.reply("STARTTLS", parts.timeouts.startTls);
  if (reply.code !== 220) throw refusal("STARTTLS", peer.name, reply);
  const session = await channel.startTls(peer.name, parts.timeouts.startTls);
  try {
    const offered = await hello(peer, channel, parts);
    parts.log.write("info", `STARTTLS=client, relay=${relayText(peer)}, ${session}`);
    return offered;
  } catch (error) {
    // In TLS 1.3 a server's refusal of the handshake arrives only after our side has finished it.
    if (!(error instanceof SmtpFault) || error.transcript.length > 0) throw error;
    throw new SmtpFault("STARTTLS", error.reply, [], { cause: error });
  }
}

/** Logs in with the server's entry of authinfo; the log says how, never with what. */
async function logIn(
  peer: SmtpPeer,
  channel: SmtpChannel,
  {
    parts,
    offered,
    secure,
    info,
  }: {
    readonly parts: ConnectionParts;
    readonly offered: SmtpExtensions;
    readonly secure: boolean;
    readonly info: AuthInfo;
  },
): Promise<void> {
  const mechanism = await authenticate(channel, info, {
    host: fullName(peer.name),
    offered: offered.auth,
    mayShowPassword: secure || parts.allowPlaintextAuth === true,
    timeout: parts.timeouts.auth,
  });
  parts.log.write("info", `AUTH=client, relay=${relayText(peer)}, mech=${mechanism}, bits=0`);
}

async function goodbye(channel: SmtpChannel, timeouts: SmtpTimeouts): Promise<void> {
  try {
    await channel.write("QUIT\r\n", "QUIT", timeouts.quit);
    await channel.reply("QUIT", timeouts.quit);
  } catch {
    // The other side may hang up first; the mail is settled either way.
  } finally {
    channel.destroy();
  }
}

/** The fault for a server that refuses the connection in words. */
function refusal(stage: Stage, host: string, reply: ServerReply, sent: readonly string[] = []): SmtpFault {
  const transcript = [talkingTo(host), ...sent, ...transcriptOf(reply)];
  const said = smtpReply(reply);
  // A server that greets with 354 or answers EHLO with 250 to 399 out of turn is not refusing for good.
  return new SmtpFault(
    stage,
    said.code < 400 ? { code: 451, enhanced: "4.5.0", text: said.text } : said,
    transcript,
  );
}

/** First line of a transcript, as in Sendmail's reports. */
export function talkingTo(host: string): string {
  return `... while talking to ${fullName(host)}:`;
}

function isPositive(reply: ServerReply): boolean {
  return reply.code >= 200 && reply.code < 300;
}

/** A host's name with the dot of a complete one, as Sendmail prints it; address literals stay as they are. */
export function fullName(name: string): string {
  return name.endsWith("]") ? name : `${name}.`;
}
