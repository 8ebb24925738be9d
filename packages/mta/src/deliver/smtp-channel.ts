/**
 * A connection to an SMTP or LMTP server, over TCP, plain or under TLS, or over the pipes of a program: bytes out with back-pressure, replies in, a time limit on
 * everything by the clock that was passed in. Every failure is an {@link SmtpFault}.
 *
 * One side talks at a time: at most one read and one write are waiting. Once a fault is known it stays; replies that came
 * before it are still read first, so that a `421` and a closed connection are told apart.
 */
import { isIP, connect as netConnect } from "node:net";
import type { Duplex } from "node:stream";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import type { Clock } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import {
  closedFault,
  connectionFault,
  protocolFault,
  type SmtpFault,
  type Stage,
  timeoutFault,
} from "./smtp-fault.ts";
import { ReplyParser, type ServerReply } from "./smtp-reply.ts";

/** Replies that may lie unread: a pipelined transaction of 100 recipients has about as many. */
const MOST_UNREAD = 256;

/** Where to connect to. */
export interface ChannelTarget {
  /** IP address, or a host's name for the system to look up. */
  readonly address: string;
  /** A socket in the file system in the place of address and port. */
  readonly path?: string;
  readonly port: number;
  /** Name for messages, with its trailing dot. */
  readonly host: string;
  /** Time for the connection to open (ms). */
  readonly timeout: number;
  readonly clock: Clock;
}

/** An open connection. */
export class SmtpChannel {
  readonly #clock: Clock;
  readonly #host: string;
  #socket: Duplex;
  #parser = new ReplyParser();
  #replies: ServerReply[] = [];
  /** What ended the connection, in the words of the stage that first meets it. */
  #fault: ((stage: Stage) => SmtpFault) | undefined;
  /** Wakes whoever waits for a reply or for the buffer to drain. */
  #wake: (() => void) | undefined;
  /** Takes our listeners off the socket: TLS takes it over. */
  #unlisten: () => void = () => undefined;

  private constructor(socket: Duplex, target: Pick<ChannelTarget, "clock" | "host">) {
    this.#socket = socket;
    this.#clock = target.clock;
    this.#host = target.host;
    this.#listen(socket);
  }

  /** Opens a connection; rejects with a fault of the stage `connect`. */
  static open(target: ChannelTarget): Promise<SmtpChannel> {
    const { address: host, port, path } = target;
    const socket = netConnect(path === undefined ? { host, port, noDelay: true, keepAlive: true } : { path });
    return new Promise((resolve, reject) => {
      const fail = (fault: SmtpFault) => {
        timer.cancel();
        // The socket may still fail while it goes down; nobody is interested any more.
        socket.on("error", () => undefined).destroy();
        reject(fault);
      };
      const timer = target.clock.after(target.timeout, () => fail(timeoutFault("connect", target.host)));
      const failed = (error: Error) => fail(connectionFault("connect", target.host, error));
      socket.once("error", failed);
      socket.once("connect", () => {
        timer.cancel();
        socket.off("error", failed);
        resolve(new SmtpChannel(socket, target));
      });
    });
  }

  /** A channel over a connection that is open, or over a program's input and output. */
  static over(stream: Duplex, target: Pick<ChannelTarget, "clock" | "host">): SmtpChannel {
    return new SmtpChannel(stream, target);
  }

  /** True when the other side has said something that was not asked for, or has gone. */
  get disturbed(): boolean {
    return this.#fault !== undefined || this.#replies.length > 0;
  }

  /**
   * Sends bytes; resolves when the system has room for more.
   *
   * @param more goes with them in the same system call, and so as a rule in the same packet
   */
  async write(bytes: Buffer | string, stage: Stage, timeout: number, more?: Buffer): Promise<void> {
    if (this.#fault !== undefined) throw this.#faultAt(stage);
    if (this.#written(bytes, more)) return;
    await this.#waitFor(() => !this.#socket.writableNeedDrain, stage, timeout);
    if (this.#fault !== undefined) throw this.#faultAt(stage);
  }

  /** @returns false when no more should be written for now */
  #written(bytes: Buffer | string, more: Buffer | undefined): boolean {
    if (more === undefined) return this.#socket.write(bytes);
    if (bytes.length === 0) return this.#socket.write(more);
    this.#socket.cork();
    this.#socket.write(bytes);
    const hasRoom = this.#socket.write(more);
    this.#socket.uncork();
    return hasRoom && !this.#socket.writableNeedDrain;
  }

  /** The next reply. */
  async reply(stage: Stage, timeout: number): Promise<ServerReply> {
    await this.#waitFor(() => this.#replies.length > 0, stage, timeout);
    const reply = this.#replies.shift();
    if (reply === undefined) throw this.#faultAt(stage);
    return reply;
  }

  /**
   * Goes on under TLS. No certificate is verified: against a passive listener any key will do (RFC 7435). Replies that
   * came before the handshake are thrown away: whoever sent them is not who TLS is with (RFC 3207 section 6).
   *
   * @returns what the log says of it: `version=TLSv1.3, verify=FAIL, cipher=TLS_AES_256_GCM_SHA384`
   */
  startTls(serverName: string, timeout: number): Promise<string> {
    const plain = this.#socket;
    this.#unlisten();
    this.#parser = new ReplyParser();
    this.#replies = [];
    const named = isIP(serverName) === 0 && !serverName.startsWith("[");
    return new Promise((resolve, reject) => {
      const secure: TLSSocket = tlsConnect({
        socket: plain,
        rejectUnauthorized: false,
        ...(named ? { servername: serverName } : {}),
      });
      const fail = (what: string) => {
        settle();
        for (const socket of [secure, plain]) socket.on("error", () => undefined).destroy();
        this.#end((stage) => protocolFault(stage, this.#host, what));
        reject(protocolFault("STARTTLS", this.#host, what));
      };
      const failed = (error: Error) => fail(`TLS handshake failed: ${messageOf(error)}`);
      const closed = () => fail("connection closed during the TLS handshake");
      const secured = () => {
        settle();
        this.#listen(secure);
        plain.on("error", (error) => this.#end((stage) => connectionFault(stage, this.#host, error)));
        const verify = secure.authorized ? "OK" : "FAIL";
        resolve(`version=${secure.getProtocol()}, verify=${verify}, cipher=${secure.getCipher().name}`);
      };
      const settle = () => {
        timer.cancel();
        plain.off("error", failed);
        secure.off("error", failed).off("close", closed).off("secureConnect", secured);
      };
      const timer = this.#clock.after(timeout, () => fail("TLS handshake timed out"));
      plain.on("error", failed);
      secure.on("error", failed).on("close", closed).on("secureConnect", secured);
    });
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#socket.destroy();
    this.#end((stage) => closedFault(stage, this.#host));
  }

  #listen(socket: Duplex): void {
    const data = (chunk: Buffer) => this.#receive(chunk);
    const error = (cause: Error) => this.#end((stage) => connectionFault(stage, this.#host, cause));
    const closed = () => this.#end((stage) => closedFault(stage, this.#host));
    const drain = () => this.#wake?.();
    socket.on("data", data).on("error", error).on("end", closed).on("close", closed).on("drain", drain);
    this.#socket = socket;
    this.#unlisten = () => {
      socket
        .off("data", data)
        .off("error", error)
        .off("end", closed)
        .off("close", closed)
        .off("drain", drain);
    };
  }

  #receive(chunk: Buffer): void {
    if (this.#fault !== undefined) return;
    const { replies, fault } = this.#parser.push(chunk);
    this.#replies.push(...replies);
    const wrong = fault ?? (this.#replies.length > MOST_UNREAD ? "replies to no command" : undefined);
    if (wrong !== undefined) {
      this.#end((stage) => protocolFault(stage, this.#host, wrong));
      this.#socket.destroy();
    }
    this.#wake?.();
  }

  #faultAt(stage: Stage): SmtpFault {
    return this.#fault?.(stage) ?? closedFault(stage, this.#host);
  }

  #end(fault: (stage: Stage) => SmtpFault): void {
    this.#fault ??= fault;
    this.#wake?.();
  }

  /** Resolves when `ready` is true or a fault is known; rejects after the time limit, which ends the connection. */
  #waitFor(ready: () => boolean, stage: Stage, timeout: number): Promise<void> {
    if (ready() || this.#fault !== undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeout, () => {
        this.#wake = undefined;
        this.#end(() => timeoutFault(stage, this.#host));
        this.#socket.destroy();
        reject(timeoutFault(stage, this.#host));
      });
      this.#wake = () => {
        if (!ready() && this.#fault === undefined) return;
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
