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

/** Nodes that are run for within {@link PAUSE}: each run reads the whole queue, and anybody may ask. */
const MOST_NODES = 20;

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
  const turn = turnOf(inbound.etrnTimes, node.toLowerCase(), inbound.clock.now());
  if (turn === "full") {
    await session.replyHarmless(
      reply(458, "4.3.2", `Unable to queue messages for node ${node.slice(0, 200)}; try again later`),
    );
    return;
  }
  if (turn === "now") inbound.runQueue(selectionFor(node));
  const what = node.startsWith("#") ? `queue group ${ONLY_GROUP}` : `node ${node.slice(0, 200)}`;
  await session.replyHarmless(reply(250, "2.0.0", `Queuing for ${what} started`));
}

/** Sendmail looks for the text in the recipients' addresses: with its `@` for a host, without for a domain. */
function selectionFor(node: string): QueueSelection {
  if (node.startsWith("#")) return { conditions: [] };
  const text = node.startsWith("@") ? node.slice(1) : `@${node}`;
  return { conditions: [{ of: "R", text }] };
}

/** Whether the node is to be run for now, was just now, or has to wait since too many others were; notes that it is. */
function turnOf(times: EtrnTimes | undefined, node: string, now: number): "now" | "was" | "full" {
  if (times === undefined) return "now";
  for (const [known, at] of times) if (Math.abs(now - at) >= PAUSE) times.delete(known);
  if (times.has(node)) return "was";
  if (times.size >= MOST_NODES) return "full";
  times.set(node, now);
  return "now";
}
