/**
 * What a session finds out about its client before it takes mail: its name, what DNS block lists say, whether it talks before it is
 * greeted, and what check_relay makes of all that.
 */
import { delay } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import { writtenIp } from "@mailhost/common/ip-address";
import { logRejected } from "../log/message-log.ts";
import { counted } from "../log/statistics.ts";
import { decideConnect, greetPauseOf } from "../policy/connect-decision.ts";
import { type Client, clientName, type DnsAnswer, type Verdict } from "../policy/policy-facts.ts";
import { formatReply, reply } from "../policy/reply.ts";
import { type ClientName, NO_NAME, UNANSWERED } from "./client-names.ts";
import type { Place } from "./connection-limits.ts";
import { type InboundParts, policyFacts } from "./inbound-parts.ts";
import { askBlockLists } from "./policy-questions.ts";
import { clientText } from "./received-header.ts";
import { logSetAside } from "./smtp-log.ts";

/** Longest wait for the client's name. */
const NAME_WAIT = 1_000;

/** A client as policy saw it, and what that was made of. */
interface Known {
  readonly name: ClientName | undefined;
  readonly listed: ReadonlyMap<string, DnsAnswer> | undefined;
  readonly place: Pick<Place, "open" | "rate">;
  readonly client: Client;
}

/** The check of one session's client. */
export class ClientCheck {
  /** What the DNS said; undefined while it has not answered. */
  name: ClientName | undefined;
  /** The client talked before it was greeted: what it is told ever after. */
  earlyTalk: SmtpReply | undefined;
  readonly #ip: string;
  readonly #inbound: InboundParts;
  readonly #submits: boolean;
  #place: Pick<Place, "open" | "rate"> = { open: 1, rate: 1 };
  #naming: Promise<ClientName> = Promise.resolve(NO_NAME);
  #listed: ReadonlyMap<string, DnsAnswer> | undefined;
  #verdict: Promise<Verdict> | undefined;
  #judged: Verdict | undefined;
  #known: Known | undefined;

  /** @param submits it is on a port where nobody sends without a password or a RELAY network */
  constructor(ip: string, inbound: InboundParts, submits: boolean) {
    this.#ip = ip;
    this.#submits = submits;
    this.#inbound = inbound;
  }

  /** `mail.example.com [192.0.2.1]`, as log and Received header write it. */
  get relayText(): string {
    return clientText(this.#ip, this.name?.name ?? "", this.name?.forged ?? false);
  }

  /** The client as policy sees it; the same object until something of it changes. */
  get client(): Client {
    const known = this.#known;
    const same = known?.name === this.name && known?.listed === this.#listed && known?.place === this.#place;
    if (known !== undefined && same) return known.client;
    const client = this.#client();
    this.#known = { name: this.name, listed: this.#listed, place: this.#place, client };
    return client;
  }

  #client(): Client {
    const { name, forged, nameless } = this.name ?? NO_NAME;
    const client: { -readonly [K in keyof Client]: Client[K] } = {
      ip: this.#ip,
      name: forged ? "" : name,
      connections: this.#place.open,
      rate: this.#place.rate,
    };
    if (this.#submits) client.submits = true;
    if (nameless !== undefined) client.nameless = nameless;
    if (this.#listed !== undefined) client.listed = this.#listed;
    return client;
  }

  /** The client was let in: its name is looked up while it is greeted. */
  begin(place: Place): void {
    this.#place = place;
    this.#naming = this.#inbound.names.find(this.#ip).then((name) => (this.name ??= name));
  }

  /** Waits, not for long, until the client's name is known. */
  async waitForName(): Promise<void> {
    if (this.name !== undefined) return;
    await Promise.race([this.#naming, delay(this.#inbound.clock, NAME_WAIT)]);
    this.name ??= UNANSWERED;
  }

  /** check_relay; decided once, when the name is known. With delay_checks it only collects what is judged at RCPT. */
  verdict(): Promise<Verdict> {
    this.#verdict ??= this.#judge().then((verdict) => (this.#judged = verdict));
    return this.#verdict;
  }

  /** The same where it has been decided. */
  get judged(): Verdict | undefined {
    return this.#judged;
  }

  /** What the client is told in answer to every command that is about mail, if it is refused altogether. No promise once it is known. */
  refusal(): SmtpReply | undefined | Promise<SmtpReply | undefined> {
    if (this.earlyTalk !== undefined) return this.earlyTalk;
    return this.#judged === undefined ? this.verdict().then(refusalOf) : refusalOf(this.#judged);
  }

  /** True when the greeting has to wait: many connections, or FEATURE(greet_pause). */
  mustWait(): boolean {
    const { greetPause, connectionRateThrottle } = this.#inbound.settings().policy;
    return greetPause > 0 || connectionRateThrottle > 0 || this.#pause() > 0;
  }

  /**
   * Waits before the greeting.
   *
   * @param talked resolves when the client says anything
   */
  async waitToGreet(talked: Promise<void>): Promise<void> {
    const { clock, limits, log, settings } = this.#inbound;
    const { greetPause, connectionRateThrottle } = settings().policy;
    const turn = limits.turn(connectionRateThrottle);
    if (turn > 0) {
      log.write("info", `deferring connections on daemon MTA: ${connectionRateThrottle} per second`);
      await delay(clock, turn);
    }
    if (greetPause > 0) await this.waitForName();
    const pause = this.#pause();
    if (pause === 0) return;
    const from = clock.now();
    const early = await Promise.race([delay(clock, pause).then(() => false), talked.then(() => true)]);
    if (!early) return;
    this.earlyTalk = reply(550, "5.0.0", "Command rejected");
    const seconds = Math.floor((clock.now() - from) / 1000);
    const who = `${clientName(this.client)} [${writtenIp(this.#ip)}]`;
    log.write("info", `rejecting commands from ${who} due to pre-greeting traffic after ${seconds} seconds`);
  }

  #pause(): number {
    return greetPauseOf(this.client, policyFacts(this.#inbound)).pause;
  }

  async #judge(): Promise<Verdict> {
    await this.waitForName();
    const facts = policyFacts(this.#inbound);
    const { dnsbl, delayChecks } = facts.rules;
    let { verdict } = decideConnect(this.client, facts);
    const settled = verdict.kind !== "accept" || verdict.entry === true;
    if (dnsbl.length > 0 && !settled && !this.#submits) {
      this.#listed = await askBlockLists(dnsbl, this.#ip, this.#inbound.resolver());
      ({ verdict } = decideConnect(this.client, facts));
    }
    if (delayChecks !== "off") return { kind: "accept", why: "the client is judged at RCPT" };
    this.#log(verdict);
    return verdict;
  }

  #log(verdict: Verdict): void {
    const { log } = this.#inbound;
    const stage = {
      ruleset: "check_relay",
      arg1: clientName(this.client),
      arg2: writtenIp(this.#ip),
      relay: this.relayText,
    };
    if (verdict.kind === "refuse") {
      logRejected(log, { ...stage, reject: formatReply(verdict.reply) });
      counted(log, { what: "refused connection" });
    } else if (verdict.kind !== "accept") logSetAside(log, stage, verdict);
  }
}

function refusalOf(verdict: Verdict): SmtpReply | undefined {
  return verdict.kind === "refuse" ? verdict.reply : undefined;
}
