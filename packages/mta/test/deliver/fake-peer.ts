/**
 * A scripted SMTP server on a loopback port. By default it takes everything; a test says at which command it
 * answers something else, nothing at all, or hangs up.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext, TLSSocket } from "node:tls";

/** An answer: reply lines, or the end of the connection after some last words. See also {@link SILENCE} and {@link CLOSE}. */
export type Answer = string | { readonly lastWords: string };
/** No answer, now or later. */
const SILENCE = "silence";
/** The end of the connection, with no words. */
const CLOSE = "close";

/** How a peer differs from a friendly one. */
export interface PeerScript {
  readonly host?: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
  readonly greeting?: Answer;
  /** Keywords of the EHLO answer; they may be others once under TLS. */
  readonly extensions?: readonly string[];
  readonly secureExtensions?: readonly string[];
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Bytes put right behind the `220` to STARTTLS, as a man in the middle would. */
  readonly afterStartTls?: string;
  /** The answer to a command line, or undefined for the usual one. `.` stands for the end of the message. */
  readonly answer?: (line: string, peer: FakePeer) => Answer | undefined;
  /** Looks at each chunk after DATA; an answer is given before the message's end. */
  readonly duringData?: (octets: number) => Answer | undefined;
}

/** A message that the peer took, as it came: dot-stuffed, with the line that ends it. */
export interface TakenMessage {
  readonly mail: string;
  readonly rcpts: readonly string[];
  readonly wire: string;
  readonly secure: boolean;
}

/** A running peer. */
export class FakePeer {
  readonly port: number;
  readonly host: string;
  /** Command lines of all connections, in the order in which they came. */
  readonly lines: string[] = [];
  readonly messages: TakenMessage[] = [];
  pausedAfterData = false;
  connections = 0;
  open = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, host: string) {
    this.#server = server;
    this.host = host;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(script: PeerScript = {}): Promise<FakePeer> {
    const server = createServer({ noDelay: true });
    const host = script.host ?? "127.0.0.1";
    server.listen(script.port ?? 0, host);
    await once(server, "listening");
    const peer = new FakePeer(server, host);
    server.on("connection", (socket) => {
      peer.connections++;
      peer.open++;
      peer.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        peer.open--;
        peer.#sockets.delete(socket);
      });
      new Session(peer, script).serve(socket, true);
    });
    return peer;
  }

  /** Takes no more bytes from anybody once the next DATA has come: the sender's window closes. */
  pauseReading(): void {
    this.pausedAfterData = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}

class Session {
  readonly #peer: FakePeer;
  readonly #script: PeerScript;
  #mail = "";
  #rcpts: string[] = [];
  #data: string | undefined;
  #rest = "";
  #secure = false;

  constructor(peer: FakePeer, script: PeerScript) {
    this.#peer = peer;
    this.#script = script;
  }

  serve(socket: Socket, greet: boolean): void {
    socket.on("data", (chunk: Buffer) => {
      this.#rest += chunk.toString("latin1");
      this.#read(socket);
    });
    if (greet) say(socket, this.#script.greeting ?? "220 peer.example ESMTP");
  }

  #read(socket: Socket): void {
    for (;;) {
      if (this.#data !== undefined) {
        const early = this.#script.duringData?.(this.#rest.length);
        if (early !== undefined) say(socket, early);
        const end = `\r\n${this.#rest}`.indexOf("\r\n.\r\n");
        if (end < 0) return;
        const wire = this.#rest.slice(0, end + 3);
        this.#rest = this.#rest.slice(end + 3);
        this.#data = undefined;
        const answer = this.#script.answer?.(".", this.#peer) ?? "250 2.0.0 taken";
        if (typeof answer === "string" && answer.startsWith("250")) {
          this.#peer.messages.push({ mail: this.#mail, rcpts: this.#rcpts, wire, secure: this.#secure });
        }
        this.#rcpts = [];
        say(socket, answer);
        continue;
      }
      const end = this.#rest.indexOf("\r\n");
      if (end < 0) return;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      this.#peer.lines.push(line);
      if (this.#command(line, socket)) return;
    }
  }

  /** Answers; true when the socket is not to be read from any more. */
  #command(line: string, socket: Socket): boolean {
    const verb = line.split(/[ :]/)[0]!.toUpperCase();
    const answer = this.#script.answer?.(line, this.#peer) ?? this.#usual(verb);
    const good = typeof answer === "string" && /^[23]/.test(answer);
    if (verb === "MAIL" && good) [this.#mail, this.#rcpts] = [line, []];
    if (verb === "RCPT" && good) this.#rcpts.push(line);
    if (verb === "DATA" && good) {
      this.#data = "";
      if (this.#peer.pausedAfterData) socket.pause();
    }
    if (verb === "STARTTLS" && good) {
      socket.removeAllListeners("data");
      socket.write(`${answer}\r\n${this.#script.afterStartTls ?? ""}`, () => this.#goSecure(socket));
      return true;
    }
    say(socket, answer);
    if (verb === "QUIT") socket.end();
    // Silence is for good: an answer to a later command would be taken for the one that is owed.
    if (answer === SILENCE) socket.pause();
    return answer === SILENCE;
  }

  #usual(verb: string): Answer {
    const extensions = (this.#secure && this.#script.secureExtensions) || this.#script.extensions;
    switch (verb) {
      case "EHLO":
        return ["peer.example", ...(extensions ?? ["PIPELINING", "8BITMIME", "SIZE 10000000"])]
          .map((text, i, all) => `250${i === all.length - 1 ? " " : "-"}${text}`)
          .join("\r\n");
      case "DATA":
        return this.#rcpts.length > 0 ? "354 go on" : "503 5.5.1 no recipients";
      case "STARTTLS":
        return "220 2.0.0 go on";
      case "QUIT":
        return "221 2.0.0 bye";
      default:
        return "250 2.0.0 ok";
    }
  }

  #goSecure(socket: Socket): void {
    const { tls } = this.#script;
    if (tls === undefined) {
      socket.destroy();
      return;
    }
    const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(tls) });
    secure.on("error", () => socket.destroy());
    this.#secure = true;
    this.#rest = "";
    this.serve(secure, false);
  }
}

function say(socket: Socket, answer: Answer): void {
  if (answer === SILENCE) return;
  if (answer === CLOSE) socket.destroy();
  else if (typeof answer === "string") socket.write(`${answer}\r\n`);
  else socket.end(`${answer.lastWords}\r\n`);
}

/** A key and a certificate that nobody signed but itself. */
export function selfSigned(): { key: string; cert: string } {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-tls-"));
  try {
    const files = { key: join(dir, "key.pem"), cert: join(dir, "cert.pem") };
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const out = ["-keyout", files.key, "-out", files.cert, "-subj", "/CN=peer.example", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...curve, ...out], { stdio: "ignore" });
    return { key: readFileSync(files.key, "utf8"), cert: readFileSync(files.cert, "utf8") };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Lets what is under way in the sockets come to rest, before a test moves its clock. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 300; i++) await new Promise(setImmediate);
}

/** Lets the event loop turn until something is so. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never came true: ${String(condition)}`);
    await new Promise(setImmediate);
  }
}
