/**
 * One message to one destination: its hosts and their addresses in order, until every recipient has an outcome (RFC 5321
 * section 5.1).
 *
 * The next host is tried when one cannot be talked to, never because of what it said about a recipient: that is final.
 */
import type { QueueRecipient } from "../queue/queue-entry.ts";
import type { RouteHost } from "../route/route.ts";
import type { Attempt } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import {
  type ConnectionParts,
  openSmtpConnection,
  relayText,
  type SmtpConnection,
  type SmtpPeer,
} from "./smtp-connection.ts";
import { runTransaction } from "./smtp-dialogue.ts";
import { SmtpFault } from "./smtp-fault.ts";

/** Recipients in one transaction: RFC 5321 section 4.5.3.1.8 obliges a server to take as many. */
const MOST_RECIPIENTS = 100;
/** Addresses called in one attempt. */
const MOST_CALLS = 20;

/** What an attempt needs. */
export interface RemoteAttempt {
  readonly attempt: Pick<Attempt, "entry" | "body">;
  readonly recipients: readonly QueueRecipient[];
  readonly hosts: readonly RouteHost[];
  /** Left open by the message before; tried first, and no loss if it is gone. */
  readonly open?: SmtpConnection | undefined;
  readonly parts: ConnectionParts;
  /** Called when a host has greeted us. */
  readonly answered: () => void;
}

/** What became of it. */
export interface RemoteResult {
  readonly outcomes: Map<QueueRecipient, Outcome>;
  /** Open and fit for another message. */
  readonly connection?: SmtpConnection;
  /** The destination as a whole did not answer: the last host's fault. */
  readonly unreachable?: SmtpFault;
}

/** A call that failed. */
interface FailedCall {
  readonly peer: SmtpPeer;
  readonly fault: SmtpFault;
}

/** Makes the attempt; rejects only for faults in the program. */
export async function attemptRemote(work: RemoteAttempt): Promise<RemoteResult> {
  const outcomes = new Map<QueueRecipient, Outcome>();
  const left = () => work.recipients.filter((recipient) => !outcomes.has(recipient));
  if (work.open !== undefined) {
    const fault = await sendAll(work, work.open, left, outcomes);
    if (left().length === 0) return fault === undefined ? { outcomes, connection: work.open } : { outcomes };
  }
  const failures: FailedCall[] = [];
  for (const peer of peers(work.hosts)) {
    let connection: SmtpConnection;
    try {
      connection = await openSmtpConnection(peer, work.parts);
    } catch (error) {
      if (!(error instanceof SmtpFault)) throw error;
      failures.push({ peer, fault: error });
      continue;
    }
    work.answered();
    const fault = await sendAll(work, connection, left, outcomes);
    if (fault === undefined) return { outcomes, connection };
    failures.push({ peer, fault });
    if (left().length === 0) return { outcomes };
  }
  return giveUp(left(), outcomes, failures);
}

/** Each address of each host, in order. */
function peers(hosts: readonly RouteHost[]): SmtpPeer[] {
  return hosts
    .flatMap(({ name, addresses, port }) => addresses.map((address) => ({ name, address, port })))
    .slice(0, MOST_CALLS);
}

/** Runs transactions over one connection until nobody is left; the fault says why somebody is. */
async function sendAll(
  work: RemoteAttempt,
  connection: SmtpConnection,
  left: () => QueueRecipient[],
  outcomes: Map<QueueRecipient, Outcome>,
): Promise<SmtpFault | undefined> {
  for (;;) {
    const recipients = left().slice(0, MOST_RECIPIENTS);
    if (recipients.length === 0) return undefined;
    const result = await runTransaction(connection, { ...work.attempt, recipients });
    for (const [recipient, outcome] of result.outcomes) outcomes.set(recipient, outcome);
    if (result.fault !== undefined) return result.fault;
  }
}

/** No host is left. One that may answer tomorrow outweighs those that refuse for good. */
function giveUp(
  recipients: readonly QueueRecipient[],
  outcomes: Map<QueueRecipient, Outcome>,
  failures: readonly FailedCall[],
): RemoteResult {
  const last = failures.findLast(({ fault }) => !fault.permanent) ?? failures.at(-1)!;
  const { fault, peer } = last;
  const from = { relay: relayText(peer), remoteMta: peer.name, reply: fault.reply };
  const outcome: Outcome = fault.permanent
    ? { kind: "failed", ...from, transcript: fault.transcript }
    : { kind: "deferred", ...from };
  for (const recipient of recipients) outcomes.set(recipient, outcome);
  const unreachable = !fault.permanent && failures.every((failure) => failure.fault.concernsHost);
  return unreachable ? { outcomes, unreachable: fault } : { outcomes };
}
