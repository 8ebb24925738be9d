/**
 * What a trace shows of one session: each command, the first line of each reply, and how much followed. Passwords, digests
 * and SASL data are left out, and so is whatever is not a command before the login: it may be a password that got astray.
 */
import type { TraceLines } from "./trace-files.ts";

/** Stands where something is left out. */
const HIDDEN = "****";

/** Longest piece of a line that is shown, characters. */
const SHOWN = 400;

/** Traces one session. */
export class SessionTrace {
  readonly #lines: TraceLines;
  /** The next line of output begins a reply. */
  #atReply = true;
  #hidesReply = false;
  #moreLines = 0;
  #moreOctets = 0;

  constructor(lines: TraceLines) {
    this.#lines = lines;
  }

  /**
   * A command came.
   *
   * @param known whether there is such a command in this state
   * @param loggedIn whether a mailbox is open
   */
  command(
    { typed, verb, argument }: { readonly typed: string; readonly verb: string; readonly argument: string },
    { known, loggedIn }: { readonly known: boolean; readonly loggedIn: boolean },
  ): void {
    this.#finishReply();
    this.#hidesReply = !known && !loggedIn;
    if (this.#hidesReply) {
      const octets = Buffer.byteLength(typed) + Buffer.byteLength(argument);
      this.#say("C:", `(no command, ${octets} octets)`);
    } else this.#say("C:", argument === "" ? typed : `${typed} ${shownArgument(verb, argument)}`);
  }

  /** A line that was too long for a command. */
  tooLong(): void {
    this.#finishReply();
    this.#say("C:", "(a line that is too long)");
  }

  /** A line of an exchange after a command, such as SASL data: only its length is shown. */
  data(line: Buffer | "too-long"): void {
    this.#finishReply();
    this.#say("C:", line === "too-long" ? "(data, too long)" : `(${line.length} octets of data)`);
  }

  /** A message that the client sent. */
  message(octets: number): void {
    this.#finishReply();
    this.#say("C:", `(a message of ${octets} octets)`);
  }

  /** A line goes to the client. */
  line(text: string): void {
    if (!this.#atReply) {
      this.#moreLines++;
      this.#moreOctets += text.length + 2;
      return;
    }
    this.#atReply = false;
    if (text.startsWith("+ ")) this.#say("S:", `+ ${HIDDEN}`);
    else this.#say("S:", this.#hidesReply ? text.replace(/".*"/, HIDDEN) : text);
  }

  /** Bytes of a message go to the client. */
  bytes(octets: number): void {
    this.#moreOctets += octets;
  }

  /** Something else of note. */
  event(text: string): void {
    this.#finishReply();
    this.#say("--", text);
  }

  /** The session is over. */
  close(): void {
    this.event("end");
    this.#lines.close();
  }

  #finishReply(): void {
    if (this.#moreLines > 0 || this.#moreOctets > 0) {
      const lines = this.#moreLines > 0 ? `${this.#moreLines} lines, ` : "";
      this.#say("S:", `(${lines}${this.#moreOctets} octets more)`);
    }
    this.#atReply = true;
    this.#moreLines = 0;
    this.#moreOctets = 0;
  }

  #say(who: string, text: string): void {
    this.#lines.write(`${who} ${text.slice(0, SHOWN)}`);
  }
}

/** The argument without its secrets. */
function shownArgument(verb: string, argument: string): string {
  if (verb === "PASS") return HIDDEN;
  if (verb !== "APOP" && verb !== "AUTH" && verb !== "RPOP") return argument;
  const [first = "", ...rest] = argument.split(" ");
  return rest.length === 0 ? first : `${first} ${HIDDEN}`;
}
