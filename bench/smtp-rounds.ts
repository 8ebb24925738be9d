/**
 * Measures SMTP servers beside each other: all run at once, one is loaded at a time, and they take turns within each scenario of each
 * round, so that whatever the machine does besides meets all of them alike.
 */

import { quiet } from "./machine.ts";
import type { NativePrograms } from "./native.ts";
import type { SmtpPeer } from "./peer.ts";
import { scoped } from "./scope.ts";
import type { Measured, SmtpFigures, SmtpScenario } from "./smtp-scenarios.ts";
import { measureSmtp, type RunningSmtp, type Sink, startSink, startSmtp } from "./smtp-server.ts";

/** How large a run is. */
export interface SmtpBench {
  readonly peers: readonly SmtpPeer[];
  readonly scenarios: readonly SmtpScenario[];
  readonly rounds: number;
  /** About how long a load lasts; as many messages are sent as the server is expected to take in it. */
  readonly seconds: number;
  readonly programs: NativePrograms;
  /** No round begins that would end after this time of `performance.now`. */
  readonly until: number;
}

/** What a run gave. */
export interface SmtpRun {
  readonly figures: SmtpFigures;
  readonly rounds: number;
  /** How many measurements began while others kept the machine busy. */
  readonly disturbed: number;
  readonly measurements: number;
  /** How processor time was counted. */
  readonly counted: string;
}

/** Octets that one load may have in all; it bounds time and disk space. */
const LOAD_OCTETS = 400 * 1024 ** 2;

/** Measures; `say` is told what came out of each. */
export function benchSmtp(bench: SmtpBench, say: (text: string) => void): Promise<SmtpRun> {
  return scoped(async (scope) => {
    const { peers, scenarios, programs } = bench;
    const sink = await startSink(scope, programs);
    const figures = new Map<string, Map<string, Measured[]>>(
      scenarios.map(({ id }) => [id, new Map(peers.map(({ name }) => [name, []]))]),
    );
    const servers: RunningSmtp[] = [];
    for (const peer of peers) {
      say(`starting ${peer.name} ${peer.version}`);
      try {
        const server = await startSmtp(scope, peer, sink.port);
        await warmUp(programs, server, sink);
        servers.push(server);
      } catch (error) {
        say(`${peer.name} is left out: ${String(error)}`);
      }
    }
    const counts = new Map<string, number>();
    let [rounds, disturbed, measurements, longest] = [0, 0, 0, 0];
    for (; rounds < bench.rounds; rounds++) {
      const began = performance.now();
      if (rounds > 0 && began + longest > bench.until) {
        say(`the time is over after ${rounds} of ${bench.rounds} rounds`);
        break;
      }
      for (const scenario of scenarios) {
        for (const server of servers) {
          const { name } = server.peer;
          if (!applies(scenario, server.peer)) continue;
          const key = `${scenario.id} ${name}`;
          try {
            const count = counts.get(key) ?? (await messagesFor(bench, server, sink, scenario));
            counts.set(key, count);
            if (!(await quiet())) disturbed += 1;
            measurements += 1;
            const measured = await measureSmtp(programs, server, sink, scenario, count);
            figures.get(scenario.id)!.get(name)!.push(measured);
            say(
              `round ${rounds + 1} of ${bench.rounds}, ${scenario.title}: ${name} ${described(measured, count)}`,
            );
          } catch (error) {
            say(`round ${rounds + 1}, ${scenario.title}: ${name} gave no figure: ${String(error)}`);
          }
        }
      }
      longest = Math.max(longest, performance.now() - began);
    }
    return { figures, rounds, disturbed, measurements, counted: servers[0]?.group.kind ?? "" };
  });
}

/** Who only accepts has no mailboxes to differ by, and nothing to relay. */
function applies(
  { relay, mailboxes, connections }: SmtpScenario,
  { relays, acceptsOnly }: SmtpPeer,
): boolean {
  if (acceptsOnly) return !relay && mailboxes > 1 && connections > 1;
  return !relay || relays === true;
}

const TEN_EACH: SmtpScenario = {
  id: "",
  title: "",
  connections: 20,
  each: 10,
  size: 10 * 1024,
  mailboxes: 50,
};

/** One after the other, each for a few seconds: a server in use has been through each of them. */
const WARM_UP: readonly SmtpScenario[] = [
  TEN_EACH,
  { ...TEN_EACH, each: 1 },
  { ...TEN_EACH, each: 1, relay: true },
  { ...TEN_EACH, each: 1, connections: 1 },
];

/** What starts late and what is compiled when it is hot is there afterwards. */
async function warmUp(programs: NativePrograms, server: RunningSmtp, sink: Sink): Promise<void> {
  for (const scenario of WARM_UP) {
    if (scenario.relay === true && !applies(scenario, server.peer)) continue;
    await measureSmtp(programs, server, sink, scenario, 5000, scenario.connections === 1 ? 6 : 3);
  }
}

/**
 * How many messages take it about so long. A few at first, then more: a server that gathers work, or makes a pause now and then, shows
 * what it can do only after a while.
 */
async function messagesFor(
  { programs, seconds }: SmtpBench,
  server: RunningSmtp,
  sink: Sink,
  scenario: SmtpScenario,
): Promise<number> {
  const most = Math.max(scenario.connections, Math.floor(LOAD_OCTETS / scenario.size));
  let count = Math.min(2 * scenario.connections + 60, most);
  for (let turn = 0; turn < 3; turn++) {
    const { delivered, accepted = 0 } = await measureSmtp(programs, server, sink, scenario, count);
    const rate = delivered ?? accepted;
    const lasted = count / rate;
    const wanted = Math.max(scenario.connections, 40, Math.round(rate * seconds));
    count = Math.min(wanted, most, turn === 2 ? wanted : count * 8);
    if (lasted > seconds / 2 || count === most) break;
  }
  return count;
}

function described(
  { delivered, accepted = 0, processor = 0, unaccounted = 0 }: Measured,
  count: number,
): string {
  const rate =
    delivered === undefined ? `${accepted.toFixed(0)} accepted` : `${delivered.toFixed(0)} delivered`;
  const lost = unaccounted > 0 ? `, ${unaccounted} UNACCOUNTED` : "";
  return `${rate} a second, ${processor.toFixed(2)} processor seconds for 1,000 (of ${count})${lost}`;
}
