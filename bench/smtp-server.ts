/**
 * One SMTP server while it is measured: started, loaded, watched, and what came of a load.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import type { Scope } from "../test/harness/host.ts";
import { countDeliveries, type DeliveryCounter } from "./delivered.ts";
import type { NativePrograms } from "./native.ts";
import { DOMAIN, MAILBOXES, type SmtpPeer } from "./peer.ts";
import { type ProcessGroup, processGroup } from "./process-group.ts";
import { type Load, type LoadResult, loadArguments } from "./smtp-load.ts";
import type { Measured, SmtpScenario } from "./smtp-scenarios.ts";
import { type SinkFigures, sinkFigures } from "./smtp-sink.ts";

/** A server that runs. */
export interface RunningSmtp {
  readonly peer: SmtpPeer;
  readonly port: number;
  readonly group: ProcessGroup;
  readonly counter: DeliveryCounter;
}

/** Where relayed mail goes. */
export interface Sink {
  readonly port: number;
  figures(): SinkFigures;
}

/** How long a load may take, s. */
const LOAD_LIMIT = 40;
/** How long nothing may arrive before what is missing counts as lost, ms. */
const PATIENCE = 15_000;
/** Between two looks at what has arrived, and at the memory, ms. */
const LOOK = 50;
const LOOK_AT_MEMORY = 400;
/** How long a server has to write down what it has delivered, ms. */
const SETTLE = 300;

/** Starts a sink; it ends with the scope. */
export async function startSink(
  scope: Scope,
  { sink: [program = "", ...args] }: NativePrograms,
): Promise<Sink> {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-sink-"));
  scope.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "figures");
  const child = spawn(program, [...args, file], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  scope.after(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const [said] = (await Promise.race([once(child.stdout, "data"), ended])) as unknown[];
  const port = Number.parseInt(String(said), 10);
  if (!(port > 0)) throw new Error("the sink did not start");
  return { port, figures: () => sinkFigures(readFileSync(file)) };
}

/** Starts a peer in a group of its own; all of it ends with the scope. */
export async function startSmtp(
  scope: Scope,
  peer: SmtpPeer,
  sink: number,
  prefix: readonly string[] = [],
): Promise<RunningSmtp> {
  const group = processGroup(scope, peer.name);
  const { port, mailboxes } = await peer.start(scope, [...group.prefix, ...prefix], sink);
  return { peer, port, group, counter: countDeliveries(mailboxes, MAILBOXES) };
}

/** Runs the load generator. */
export async function runLoad(
  { load: [program = "", ...args] }: NativePrograms,
  { port }: RunningSmtp,
  scenario: SmtpScenario,
  messages: number,
  seconds = LOAD_LIMIT,
): Promise<LoadResult> {
  const { connections, each, size, mailboxes, relay } = scenario;
  const domain = relay ? "elsewhere.test" : DOMAIN;
  const load: Load = { port, messages, connections, each, size, mailboxes, domain, seconds };
  const { stdout } = await promisify(execFile)(program, [...args, ...loadArguments(load)], {
    timeout: (seconds + 20) * 1000,
  });
  return JSON.parse(stdout) as LoadResult;
}

/** What has arrived since the measurement began. */
interface Arrivals {
  /** Something that grows while mail arrives; cheap to ask. */
  progress(): number;
  count(): number;
  lastAt(): number;
}

function watchArrivals(
  { peer, counter }: RunningSmtp,
  scenario: SmtpScenario,
  sink: Sink,
): Arrivals | undefined {
  if (peer.acceptsOnly) return undefined;
  if (!scenario.relay) {
    counter.clear();
    return { progress: () => counter.size(), count: () => counter.count(), lastAt: () => counter.lastAt() };
  }
  const before = sink.figures().messages;
  const count = () => sink.figures().messages - before;
  return { progress: () => count() * scenario.size, count, lastAt: () => sink.figures().lastAt };
}

/** One measurement. */
export async function measureSmtp(
  programs: NativePrograms,
  running: RunningSmtp,
  sink: Sink,
  scenario: SmtpScenario,
  messages: number,
  seconds = LOAD_LIMIT,
): Promise<Measured> {
  const { group } = running;
  const arrived = watchArrivals(running, scenario, sink);
  const memory = peakOf(() => group.memory());
  const before = group.processor();
  let result: LoadResult;
  let found = 0;
  try {
    result = await runLoad(programs, running, scenario, messages, seconds);
    found = arrived === undefined ? 0 : await allArrived(arrived, result.accepted, scenario.size);
    await setTimeout(SETTLE);
  } finally {
    memory.end();
  }
  if (result.accepted === 0) throw new Error(`nothing was accepted: ${result.firstFailure}`);
  const perSecond = (milliseconds: number) => (result.accepted / milliseconds) * 1000;
  const measured = {
    accepted: perSecond(result.milliseconds),
    median: result.letter.median,
    p99: result.letter.p99,
    wait: Math.max(result.letter.longest, result.greeting.longest),
    processor: (group.processor() - before) / result.accepted,
    memory: memory.peak() / 1024,
  };
  if (arrived === undefined) return measured;
  // What was cut off may have been taken all the same: a 250 that nobody heard.
  const unheard = result.failures + (result.accepted < messages ? scenario.connections : 0);
  const unaccounted = Math.max(result.accepted - found, found - result.accepted - unheard, 0);
  if (unaccounted > 0) return { ...measured, unaccounted };
  return {
    ...measured,
    unaccounted,
    delivered: perSecond(Math.max(result.milliseconds, arrived.lastAt() - result.startedAt)),
  };
}

/** Waits until as many are there as were accepted, and looks once more for one too many; resolves with how many there are. */
async function allArrived(arrivals: Arrivals, accepted: number, size: number): Promise<number> {
  let [last, lastAt] = [-1, performance.now()];
  for (;;) {
    const now = arrivals.progress();
    if (now !== last) [last, lastAt] = [now, performance.now()];
    if (now >= accepted * (size - 200) && arrivals.count() >= accepted) break;
    if (performance.now() - lastAt > PATIENCE) break;
    await setTimeout(LOOK);
  }
  await setTimeout(LOOK);
  return arrivals.count();
}

/** The most that a figure was, looked at now and then. */
function peakOf(figure: () => number): { peak(): number; end(): void } {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, figure());
  };
  look();
  const timer = setInterval(look, LOOK_AT_MEMORY);
  return {
    peak: () => peak,
    end() {
      clearInterval(timer);
      look();
    },
  };
}
