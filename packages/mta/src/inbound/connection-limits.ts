/**
 * How many sessions there may be at once, in all and from one address; how many connections an address made within a minute
 * (FEATURE ratecontrol); how fast new ones are taken (ConnectionRateThrottle).
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";

/** A session that was let in. */
export interface Place {
  /** Counts it out again. */
  readonly leave: () => void;
  /** Sessions that its address has, and connections that it made within a minute; this one included. */
  readonly open: number;
  readonly rate: number;
}

/** Counts sessions. */
export interface ConnectionLimits {
  /**
   * Counts a session in. A refusal is not counted.
   *
   * @param bounded false for clients of which any number may come (loopback, RELAY networks)
   */
  enter(ip: string, bounded: boolean): { readonly refusal: SmtpReply } | Place;
  /** The refusal of any session while all places are taken: there is no need to look who it is. */
  full(): SmtpReply | undefined;
  /**
   * How long a new session waits for its turn when `perSecond` are taken (ms); 0 perSecond: any number. No longer than all
   * sessions that are open would need: those who called in a flood and went away again leave no line behind.
   */
  turn(perSecond: number): number;
}

/** Sendmail's ConnectionRateWindowSize, in chunks of ten seconds. */
const CHUNK = 10_000;
const CHUNKS = 6;

const FULL = reply(421, "4.3.2", "Too many open connections; try again later");

/** Addresses whose rate is remembered; the one that was quiet longest goes first. */
const MAX_RATES = 20_000;

/** Opens the counters of one daemon; the bounds are asked for at each session, so that a reload changes them. */
export function openConnectionLimits(
  bounds: () => { readonly total: number; readonly perClient: number },
  now: () => number,
): ConnectionLimits {
  let total = 0;
  const bounded = new Map<string, number>();
  const open = new Map<string, number>();
  const rates = new Map<string, { readonly number: number; count: number }[]>();
  const turns = { from: 0, taken: 0 };

  const rateOf = (ip: string): number => {
    const number = Math.floor(now() / CHUNK);
    const known = rates.get(ip);
    const current = known?.at(-1);
    if (known !== undefined && current?.number === number) {
      current.count += 1;
      return sumOf(known);
    }
    const recent = (known ?? []).filter((chunk) => chunk.number > number - CHUNKS);
    recent.push({ number, count: 1 });
    // A Map keeps the order of insertion: the first has been quiet longest, to ten seconds.
    rates.delete(ip);
    rates.set(ip, recent);
    if (rates.size > MAX_RATES) rates.delete(rates.keys().next().value!);
    return sumOf(recent);
  };

  return {
    enter(ip, isBounded) {
      const { total: most, perClient } = bounds();
      if (total >= most) return { refusal: FULL };
      if (isBounded && (bounded.get(ip) ?? 0) >= perClient) {
        return { refusal: reply(421, "4.3.2", `Too many open connections from [${ip}]; try again later`) };
      }
      total += 1;
      countIn(open, ip);
      if (isBounded) countIn(bounded, ip);
      let inside = true;
      return {
        open: open.get(ip)!,
        rate: rateOf(ip),
        leave() {
          if (!inside) return;
          inside = false;
          total -= 1;
          countOut(open, ip);
          if (isBounded) countOut(bounded, ip);
        },
      };
    },
    full: () => (total >= bounds().total ? FULL : undefined),
    turn(perSecond) {
      if (perSecond <= 0) return 0;
      const time = now();
      if (time >= turns.from + 1000) Object.assign(turns, { from: time, taken: 0 });
      const longest = time + Math.ceil(total / perSecond) * 1000;
      if (turns.from > longest) Object.assign(turns, { from: longest, taken: 0 });
      if (turns.taken >= perSecond) Object.assign(turns, { from: turns.from + 1000, taken: 0 });
      turns.taken += 1;
      return Math.max(0, turns.from - time);
    },
  };
}

function countIn(counter: Map<string, number>, ip: string): void {
  counter.set(ip, (counter.get(ip) ?? 0) + 1);
}

function sumOf(chunks: readonly { readonly count: number }[]): number {
  let sum = 0;
  for (const { count } of chunks) sum += count;
  return sum;
}

function countOut(counter: Map<string, number>, ip: string): void {
  const left = (counter.get(ip) ?? 1) - 1;
  if (left > 0) counter.set(ip, left);
  else counter.delete(ip);
}
