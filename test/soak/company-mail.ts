/**
 * The mail of a company's day: who sends what to whom, in which way, and where it must arrive.
 */
import type { Random } from "../corpus/random.ts";
import type { Connection } from "../harness/connection.ts";
import { logIn, openEncrypted } from "../harness/encrypted-smtp.ts";
import { LAN, type MailHost, OUTSIDE, PASSWORD } from "../harness/host.ts";
import { openSmtp, type Reply, readReply, type SmtpClient } from "../harness/smtp-client.ts";
import { ALIASES, APOP_USERS, DOMAIN, USERS } from "./company-host.ts";
import { type Ledger, RELAYED, reportTo } from "./ledger.ts";

/** What a run counts. */
export interface Counts {
  accepted: number;
  /** Relaying that was refused, as it must be. */
  spamRefused: number;
  /** 421 and 451: the host had too much to do. */
  busy: number;
}

interface Letter {
  readonly from: string;
  readonly to: string;
  readonly places: readonly string[];
}

/** Lines of 72 letters; bodies are the beginning of it. */
const FILLER = Buffer.from(
  `${"a line of the letter, seventy letters of text and no more than these xxx".slice(0, 70)}\r\n`.repeat(
    80_000,
  ),
);
const KIB = 1024;
/** Sizes as a company has them: most are short, few are large, and those few are most of the octets. */
const SIZES: readonly (readonly [share: number, low: number, high: number])[] = [
  [0.7, 1, 8],
  [0.22, 8, 60],
  [0.065, 60, 300],
  [0.0145, 300, 2_000],
  [0.0005, 2_000, 5_000],
];
/** Those who submit with a password by mail programs. */
const SUBMITTERS = USERS.filter((user) => !APOP_USERS.includes(user));

/** Sends mail of all kinds. */
export class CompanyMail {
  readonly #host: MailHost;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly counts: Counts = { accepted: 0, spamRefused: 0, busy: 0 };
  #marks = 0;

  constructor(host: MailHost, random: Random, ledger: Ledger) {
    this.#host = host;
    this.#random = random;
    this.#ledger = ledger;
  }

  /** One session of some kind; resolves with the number of messages that it was about. */
  async session(): Promise<number> {
    const random = this.#random;
    const kind = random.integer(1, 100);
    if (kind <= 52) return this.#fromOutside(random.chance(0.5) ? 1 : random.integer(2, 6));
    if (kind <= 82) return this.#fromLan(random.integer(1, 4));
    if (kind <= 95) return this.#submit();
    return this.#spam();
  }

  /** A message of a program on the host. */
  async sendmail(): Promise<void> {
    const letter = this.#lanLetter();
    const mark = this.#marks++;
    const ran = await this.#host.command(
      "sendmail",
      ["-t", "-f", letter.from],
      `To: ${letter.to}\nSubject: from a program\nX-Mark: ${mark}\n\nhello\n`,
    );
    if (ran.code !== 0) throw new Error(`sendmail -t: exit code ${ran.code}: ${ran.stderr}`);
    this.counts.accepted += 1;
    this.#ledger.promise(mark, letter.places);
  }

  async #fromOutside(messages: number): Promise<number> {
    const client = await this.#open(OUTSIDE);
    for (let i = 0; client !== undefined && i < messages; i++) {
      const from = `somebody${this.#random.integer(0, 999)}@partner.example`;
      const to = this.#random.chance(0.15)
        ? this.#random.pick(Object.keys(ALIASES))
        : this.#random.pick(USERS);
      await this.#send(client, { from, to: `${to}@${DOMAIN}`, places: ALIASES[to] ?? [to] });
    }
    await client?.quit();
    return messages;
  }

  async #fromLan(messages: number): Promise<number> {
    const client = await this.#open(LAN);
    for (let i = 0; client !== undefined && i < messages; i++) await this.#send(client, this.#lanLetter());
    await client?.quit();
    return messages;
  }

  /** Through port 587 with STARTTLS, or 465, and a password. */
  async #submit(): Promise<number> {
    const user = this.#random.pick(SUBMITTERS);
    const isImplicit = this.#random.chance(0.3);
    const to = isImplicit ? this.#host.listening("smtps")[0]! : this.#host.submission;
    const client = await openEncrypted(to, isImplicit ? "implicit" : "STARTTLS", { from: OUTSIDE });
    const login = await logIn(client, user, PASSWORD);
    if (login.code !== 235) throw new Error(`AUTH of ${user}: ${login.code} ${login.text}`);
    await this.#send(client, this.#lanLetter(user));
    await client.quit();
    return 1;
  }

  /** A stranger who tries to relay through us. */
  async #spam(): Promise<number> {
    const client = await this.#open("127.0.0.66");
    if (client === undefined) return 1;
    await client.command("MAIL FROM:<winner@lottery.example>");
    const reply = await client.command("RCPT TO:<victim@partner.example>");
    if (reply.code === 250) throw new Error("a stranger may relay");
    if (reply.code === 550) this.counts.spamRefused += 1;
    await client.quit();
    return 1;
  }

  /** A letter of one of us: to a colleague, to the other company, or to somebody there who has gone. */
  #lanLetter(user = this.#random.pick(USERS)): Letter {
    const from = `${user}@${DOMAIN}`;
    const choice = this.#random.integer(1, 100);
    if (choice <= 50) {
      const to = this.#random.pick(USERS);
      return { from, to: `${to}@${DOMAIN}`, places: [to] };
    }
    if (choice <= 62) {
      const to = this.#random.pick(Object.keys(ALIASES));
      return { from, to: `${to}@${DOMAIN}`, places: ALIASES[to]! };
    }
    const isGone = choice > 97;
    const to = `${isGone ? "gone" : "friend"}${this.#random.integer(0, 99)}@partner.example`;
    return { from, to, places: [isGone ? reportTo(user) : RELAYED] };
  }

  /** Undefined: the host has too much to do, and said so. */
  async #open(from: string): Promise<SmtpClient | undefined> {
    const client = await openSmtp(this.#host.smtp, { from });
    if (client.greeting.code === 220) return client;
    client.close();
    if (client.greeting.code !== 421) throw new Error(`greeted with ${client.greeting.text}`);
    this.counts.busy += 1;
    return undefined;
  }

  async #send(client: SmtpClient, { from, to, places }: Letter): Promise<void> {
    const mark = this.#marks++;
    const reply = await this.#transaction(client, from, to, this.#content(mark, from, to));
    if (reply.code === 250) {
      this.counts.accepted += 1;
      this.#ledger.promise(mark, places);
    } else if (reply.code === 421 || reply.code === 451) this.counts.busy += 1;
    else throw new Error(`from ${from} to ${to}: ${reply.code} ${reply.text}`);
  }

  /** One message, its commands in one packet or one by one. */
  async #transaction(
    client: SmtpClient,
    from: string,
    to: string,
    content: readonly Buffer[],
  ): Promise<Reply> {
    const { connection } = client;
    const lines = [`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA"];
    const isPipelined = this.#random.chance(0.5);
    if (isPipelined) await connection.write(`${lines.join("\r\n")}\r\n`);
    let last: Reply | undefined;
    for (const line of lines) {
      const reply = isPipelined ? await readReply(connection) : await client.command(line);
      if (reply.code >= 400) last ??= reply;
      if (last !== undefined && !isPipelined) return last;
    }
    if (last !== undefined) return last;
    return this.#data(connection, content);
  }

  async #data(connection: Connection, content: readonly Buffer[]): Promise<Reply> {
    for (const piece of content) await connection.write(piece);
    return readReply(connection);
  }

  #content(mark: number, from: string, to: string): Buffer[] {
    const header = `From: <${from}>\r\nTo: <${to}>\r\nSubject: letter ${mark}\r\nMessage-ID: <${mark}@soak.test>\r\nX-Mark: ${mark}\r\n\r\n`;
    let at = this.#random.integer(1, 10_000) / 10_000;
    const [, low, high] = SIZES.find(([share]) => (at -= share) <= 0) ?? SIZES[0]!;
    const lines = Math.ceil(this.#random.integer(low * KIB, high * KIB) / 72);
    return [Buffer.from(header, "latin1"), FILLER.subarray(0, lines * 72), Buffer.from(".\r\n")];
  }
}
