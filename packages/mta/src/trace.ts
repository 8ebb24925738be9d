/**
 * `mailhost trace`: what would happen to a message, step by step, by the very code that a session runs. Needs no daemon.
 */
import { isIP } from "node:net";
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { domainKey } from "@mailhost/common/address";
import { systemClock } from "@mailhost/common/clock";
import { containerGateways, machineFacts } from "@mailhost/common/container-gateway";
import { type DracExclusion, dracExclusion } from "@mailhost/common/drac/drac-exclusion";
import { type DracTable, openDracTable } from "@mailhost/common/drac/drac-table";
import { messageOf, type SmtpReply, UserError } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { mailboxSize } from "@mailhost/common/quota/mailbox-size";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { openSiteTables, type SiteTables } from "@mailhost/common/tables/site-tables";
import type { Resolver } from "./dns/resolver.ts";
import { createResolver } from "./dns/system-resolver.ts";
import { type ClientName, openClientNames } from "./inbound/client-names.ts";
import { ownershipParts, policyFacts, recipientParts } from "./inbound/inbound-parts.ts";
import { ownershipRefusal } from "./inbound/mail-from.ts";
import { roomFault } from "./inbound/mailbox-room.ts";
import { readPathCommand } from "./inbound/path-command.ts";
import { askBlockLists, domainInDns, mxHostsOf } from "./inbound/policy-questions.ts";
import { isBoundHere } from "./own-addresses.ts";
import type { Lookup } from "./policy/access-lookup.ts";
import { greetPauseOf } from "./policy/connect-decision.ts";
import { lookupText, verdictText } from "./policy/explain.ts";
import { interfaceAddresses } from "./policy/local-domains.ts";
import { domainForMx } from "./policy/recipient-decision.ts";
import {
  type Client,
  type Decision,
  decideConnect,
  decideRecipient,
  decideSender,
  type PolicyFacts,
} from "./policy/relay-decision.ts";
import { formatReply, reply, replyAbout } from "./policy/reply.ts";
import { domainToResolve } from "./policy/sender-decision.ts";
import { policyWarnings } from "./policy/warnings.ts";
import { targetName } from "./queue/queue-entry.ts";
import { type ResolvedRecipient, resolveRecipient } from "./recipients/resolve.ts";
import { ownsSender } from "./recipients/sender-ownership.ts";
import { findRoute } from "./route/route.ts";

/** What to trace. */
export interface TraceArguments {
  /** Address of the client that would call. */
  readonly fromIp: string;
  /** Envelope sender; left out: not looked at. */
  readonly mailFrom?: string;
  /** Whoever sends has logged in as this account. */
  readonly auth?: string;
  readonly recipient: string;
  readonly json?: boolean;
}

/** One step, as `--json` gives it. */
interface Step {
  readonly step: string;
  readonly lookups?: readonly Lookup[];
  readonly outcome: string;
}

/**
 * Prints the steps and the verdict.
 *
 * @returns the exit code
 * @throws UserError (64) when an address cannot be read
 */
export async function traceCommand(
  site: Site,
  args: TraceArguments,
  out: (line: string) => void,
): Promise<number> {
  const ip = args.fromIp.toLowerCase();
  const recipient = readPathCommand("TO", `TO:<${args.recipient}>`);
  const sender = readPathCommand("FROM", `FROM:<${args.mailFrom ?? ""}>`);
  if (isIP(ip) === 0) throw wrong(`${args.fromIp}: not an IP address`);
  if (!recipient.ok) throw wrong(`${args.recipient}: ${recipient.reply.text}`);
  if (!sender.ok) throw wrong(`${args.mailFrom ?? ""}: ${sender.reply.text}`);
  const settings = loadSettings(site);
  const notes: Step[] = [];
  const log: Log = {
    write: (_level, text) => void notes.push({ step: "note", outcome: text }),
    close: () => Promise.resolve(),
  };
  const tables = openSiteTables(site, { log, settings });
  const gateways = new Set(containerGateways(machineFacts));
  const exclusion = dracExclusion({ settings: () => settings, tables, gateways });
  const drac = openDrac(site, settings, notes, exclusion);
  try {
    const tracer = new Tracer(placeMailboxes(site, settings), settings, tables, drac);
    await tracer.run(
      ip,
      args.mailFrom === undefined ? undefined : sender.value.address,
      recipient.value.address,
      args.auth?.toLowerCase(),
    );
    report([...notes, ...tracer.steps], tracer.reply, args.json === true, out);
    return EX_OK;
  } finally {
    await drac?.close();
    await tables.close();
  }
}

function wrong(text: string): UserError {
  return new UserError(text, EX_USAGE);
}

function openDrac(
  site: Site,
  settings: Settings,
  notes: Step[],
  exclusion: DracExclusion,
): DracTable | undefined {
  if (!settings.drac.enabled) return undefined;
  try {
    const table = openDracTable(site, {
      lifetime: settings.drac.lifetime,
      clock: systemClock,
      readOnly: true,
      exclusion,
    });
    // Reading is what shows a damaged file.
    table.list();
    return table;
  } catch (error) {
    notes.push({ step: "drac", outcome: `the table cannot be read: ${messageOf(error)}` });
    return undefined;
  }
}

/** One trace: runs the stages in their order until one refuses. */
class Tracer {
  readonly steps: Step[] = [];
  reply: SmtpReply = { code: 250, enhanced: "2.1.5", text: "" };
  #dropped = false;
  #held: string | undefined;
  readonly #site: Site;
  readonly #settings: Settings;
  readonly #tables: SiteTables;
  readonly #drac: DracTable | undefined;
  readonly #resolver: Resolver;

  constructor(site: Site, settings: Settings, tables: SiteTables, drac: DracTable | undefined) {
    this.#site = site;
    this.#settings = settings;
    this.#tables = tables;
    this.#drac = drac;
    this.#resolver = createResolver(settings.dns);
  }

  get #parts() {
    return {
      settings: () => this.#settings,
      tables: this.#tables,
      drac: () => this.#drac,
      accounts: () => openAccounts(this.#site, this.#settings),
      ownAddresses: interfaceAddresses,
      gateways: new Set(containerGateways(machineFacts)),
    };
  }

  async run(
    ip: string,
    sender: string | undefined,
    recipient: string,
    account: string | undefined,
  ): Promise<void> {
    const facts = policyFacts(this.#parts);
    for (const warning of policyWarnings(facts.rules)) this.#add("warning", warning);
    const stranger = await this.#client(ip, facts);
    const client: Client =
      account === undefined ? stranger : { ...stranger, auth: { account, mechanism: "PLAIN" } };
    const delayed = facts.rules.delayChecks !== "off" && sender !== undefined;
    if (delayed) this.#add("connect", "judged with the recipient, delayChecks is on");
    else if (!this.#stage("connect", decideConnect(stranger, facts))) return;
    if (account !== undefined && !(await this.#login(account, sender))) return;
    const asked = sender === undefined ? undefined : domainToResolve(sender, facts);
    const domain = asked === undefined ? undefined : await domainInDns(asked, this.#resolver);
    if (sender !== undefined && !delayed) {
      const known = { client, ...(domain === undefined ? {} : { domain }) };
      if (!this.#stage(`sender <${sender}>`, decideSender(sender, facts, known))) return;
    }
    const served = domainForMx(recipient, facts);
    const decision = decideRecipient(client, recipient, facts, {
      ...(served === undefined ? {} : { mxHosts: await mxHostsOf(served, this.#resolver) }),
      ...(sender === undefined ? {} : { sender }),
      ...(domain === undefined ? {} : { senderDomain: domain }),
    });
    if (!this.#stage(`recipient <${recipient}>`, decision)) return;
    this.reply = replyAbout(recipient, 250, "2.1.5", "Recipient ok");
    if (this.#dropped) {
      this.#add("delivery", "none: the message is dropped");
      return;
    }
    if (this.#held !== undefined)
      this.#add("delivery", `not before it is released from quarantine: ${this.#held}`);
    const resolved = await resolveRecipient(recipient, {
      ...recipientParts(this.#parts),
      onStep: ({ step, outcome }) => this.#add(step, outcome),
    });
    if (resolved.kind === "refused") {
      this.reply = resolved.reply;
      this.#add("delivery", "none: there is no such recipient");
      return;
    }
    const full = await roomFault(
      {
        settings: () => this.#settings,
        tables: this.#tables,
        mailboxSize: (name) => mailboxSize(this.#site, name),
      },
      { address: recipient, resolved: resolved.recipients },
    );
    if (full !== undefined) {
      this.reply = full;
      this.#add("quota", "there is no room (mailhost mailbox usage)");
    }
    for (const target of resolved.recipients) this.#add("delivery", await this.#destination(target));
  }

  /** Whoever has logged in, and whether the sender is one of its addresses. @returns false when nobody is, or it is not */
  async #login(account: string, sender: string | undefined): Promise<boolean> {
    const known = await this.#parts.accounts().lookUp(account);
    this.#add("auth", known === undefined ? `there is no account ${account}` : `logged in as ${account}`);
    if (known === undefined) {
      this.reply = reply(535, "5.7.0", "authentication failed");
      return false;
    }
    if (sender === undefined || !this.#settings.auth.checkSender) return true;
    const owns = await ownsSender(account, sender, ownershipParts(this.#parts));
    const refusal = ownershipRefusal(account, sender, owns);
    this.#add(
      `sender <${sender}>`,
      typeof owns === "object" ? `${account}'s own, ${owns.why}` : `not ${account}'s own`,
    );
    if (refusal !== undefined) this.reply = refusal;
    return refusal === undefined;
  }

  #add(step: string, outcome: string, lookups?: readonly Lookup[]): void {
    this.steps.push({ step, outcome, ...(lookups === undefined ? {} : { lookups }) });
  }

  /** The client as a session would know it, after the DNS has been asked. */
  async #client(ip: string, facts: PolicyFacts): Promise<Client> {
    const found = await openClientNames(() => this.#resolver, systemClock).find(ip);
    const gateway = facts.isGateway(ip) ? ", the container's gateway: network rules do not apply to it" : "";
    this.#add("client", `${ip}${clientNote(found)}${gateway}`);
    this.#addDrac(ip);
    const client: Client = {
      ip,
      name: found.forged ? "" : found.name,
      ...(found.nameless === undefined ? {} : { nameless: found.nameless }),
    };
    const { pause, lookups } = greetPauseOf(client, facts);
    if (pause > 0) this.#add("greeting", `after ${pause / 1000} s of silence`, lookups);
    const { dnsbl } = facts.rules;
    return dnsbl.length === 0
      ? client
      : { ...client, listed: await askBlockLists(dnsbl, ip, this.#resolver) };
  }

  /** @returns false when the stage refuses, and the trace ends */
  #stage(step: string, decision: Decision): boolean {
    const { verdict } = decision;
    this.#add(step, verdictText(verdict), decision.lookups);
    if (verdict.kind === "discard") this.#dropped = true;
    if (verdict.kind === "quarantine") this.#held ??= verdict.reason;
    if (verdict.kind !== "refuse") return true;
    this.reply = verdict.reply;
    return false;
  }

  #addDrac(ip: string): void {
    if (!this.#settings.drac.enabled) {
      this.#add("drac", "switched off");
      return;
    }
    const entry = this.#drac?.permits(ip);
    this.#add(
      "drac",
      entry === undefined
        ? `${ip} has not fetched mail lately`
        : `${ip} may relay until ${new Date(entry.expiresAt).toISOString()} (user ${entry.user})`,
    );
  }

  async #destination({ address, target }: ResolvedRecipient): Promise<string> {
    if (target.kind === "error") return `<${address}> fails: ${formatReply(target.reply)}`;
    if (target.kind === "program" || target.kind === "file")
      return `<${address}> to ${target.kind} ${targetName(target)}`;
    if (target.kind === "mailbox")
      return `<${address}> to mailbox ${mailboxPaths(this.#site, target.name).mbox}`;
    const { fallbackMx } = this.#settings.routing;
    const route = await findRoute(target, {
      resolver: this.#resolver,
      relay: this.#settings.relay,
      mailertable: this.#tables.mailertable,
      ...(fallbackMx === undefined ? {} : { fallbackMx }),
      isOurName: (name) => policyFacts(this.#parts).localDomain(domainKey(name)) !== undefined,
      isOurAddress: (ip, port) =>
        isBoundHere(ip, port, boundBySettings(this.#settings), interfaceAddresses()),
    });
    if (route.kind !== "hosts") return `<${address}> ${route.kind}: ${formatReply(route.reply)}`;
    const hosts = route.hosts.map((h) => `${h.name} (${h.preference}) [${h.addresses.join(", ")}]:${h.port}`);
    return `<${address}> by SMTP to ${hosts.join(", then ")}`;
  }
}

/** Where the settings say that we listen; a name stands for all addresses. */
function boundBySettings({ smtp }: Settings): { address: string; port: number }[] {
  return [...smtp.listen, ...smtp.submission, ...smtp.smtps].map(({ host, port }) => ({
    address: isIP(host) === 0 ? "::" : host,
    port,
  }));
}

function clientNote({ name, forged, nameless }: ClientName): string {
  if (name === "") return nameless === "temporary" ? ", no answer of its name" : ", without a name";
  return `, ${name}${forged ? " (may be forged: the name does not count)" : ""}`;
}

function report(steps: readonly Step[], reply: SmtpReply, json: boolean, out: (line: string) => void): void {
  if (json) {
    const tidy = steps.map((s) => ({
      ...s,
      ...(s.lookups === undefined
        ? {}
        : { lookups: s.lookups.map((l) => ({ ...l, value: l.value ?? null })) }),
    }));
    out(JSON.stringify({ steps: tidy, accepted: reply.code < 300, reply: formatReply(reply) }));
    return;
  }
  for (const { step, outcome, lookups } of steps) {
    for (const lookup of lookups ?? []) out(`  ${lookupText(lookup)}`);
    out(`${step}: ${outcome}`);
  }
  out(`verdict: ${formatReply(reply)}`);
}
