/**
 * ETRN (RFC 1985): a host that was away asks for its mail. Runs what waits for it, past its turn.
 *
 * `ETRN host` is for recipients at that host, `ETRN @domain` for those at the domain and below it. We have one queue, which
 * `ETRN #mqueue` runs whole, as Sendmail's only queue group.
 */
import { reply } from "../policy/reply.ts";
import type { QueueSelection } from "../queue/selection.ts";
import { hasPrivacy } from "./privacy.ts";
import type { SmtpSession } from "./smtp-session.ts";

/** Sendmail's name of the one queue group that there always is. */
const ONLY_GROUP = "mqueue";

/** The same node is run for at most once in this time (ms), whoever asks. */
const PAUSE = 10_000;

/** Nodes that are remembered for {@link PAUSE}. */
const MOST_NODES = 1000;

/** When each node was last run for: one a daemon. */
export type EtrnTimes = Map<string, number>;

export async function etrn(session: SmtpSession, argument: string): Promise<void> {
  const { inbound } = session;
  if (hasPrivacy(inbound.settings(), "noetrn") || inbound.runQueue === undefined) {
    await session.replyHarmless(reply(502, "5.7.0", "Sorry, we do not allow this operation"));
    return;
  }
  const node = argument.trim().split(/\s+/)[0] ?? "";
  if (node === "") {
    await session.replyWrong(reply(500, "5.5.2", "Parameter required"));
    return;
  }
  session.didWork = true;
  await session.waitForName();
  inbound.log.write("info", `${session.relayText}: ETRN ${node.slice(0, 200)}`);
  if (node.startsWith("#") && node.slice(1) !== ONLY_GROUP) {
    await session.replyHarmless(reply(459, "4.5.4", `Queue ${node.slice(1, 200)} unknown`));
    return;
  }
  if (isDue(inbound.etrnTimes, node.toLowerCase(), inbound.clock.now())) inbound.runQueue(selectionFor(node));
  const what = node.startsWith("#") ? `queue group ${ONLY_GROUP}` : `node ${node.slice(0, 200)}`;
  await session.replyHarmless(reply(250, "2.0.0", `Queuing for ${what} started`));
}

/** Sendmail looks for the text in the recipients' addresses: with its `@` for a host, without for a domain. */
function selectionFor(node: string): QueueSelection {
  if (node.startsWith("#")) return { conditions: [] };
  const text = node.startsWith("@") ? node.slice(1) : `@${node}`;
  return { conditions: [{ of: "R", text }] };
}

/** True when the node was not run for just now; notes that it is. */
function isDue(times: EtrnTimes | undefined, node: string, now: number): boolean {
  if (times === undefined) return true;
  for (const [known, at] of times) if (Math.abs(now - at) >= PAUSE) times.delete(known);
  if (times.has(node) || times.size >= MOST_NODES) return false;
  times.set(node, now);
  return true;
}
