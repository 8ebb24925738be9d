/**
 * The resolver of production: Node's own (c-ares), towards the name servers of the settings or the system's.
 *
 * Answers are kept for a moment, so that a thousand messages for one domain ask once, and questions under way are
 * shared. The name servers' own cache does the rest.
 */
import { promises as dns } from "node:dns";
import type { Clock } from "@mailhost/common/clock";
import { systemClock } from "@mailhost/common/clock";
import { errnoOf, UserError } from "@mailhost/common/errors";
import { reverseName } from "@mailhost/common/ip-address";
import type { Settings } from "@mailhost/common/settings/settings";
import { formatListenAddress } from "@mailhost/common/settings/units";
import { EX_CONFIG } from "@mailhost/common/sysexits";
import { DnsError, type MxRecord, type Resolver } from "./resolver.ts";

/** Tries a question gets at each name server. */
const TRIES = 2;
/**
 * After so many times the time limit, for each name server, a question of which nothing was heard is given up by ourselves. c-ares waits
 * twice as long at the second try, and asks twice for the names of an address. There were versions of it that forgot a question: whoever
 * asked the same thing would have waited with it for ever.
 */
const FORGOTTEN_AFTER = 8;
/** How long an answer is kept (ms); records with shorter times to live are rare and lose at most this. */
const KEEP_ANSWER = 30_000;
/** How long it is kept that a name does not exist (ms). */
const KEEP_ABSENT = 5_000;
/** Answers kept at most; the oldest go first. */
const KEPT_ANSWERS = 2_000;

/**
 * A resolver for the settings' name servers.
 *
 * @param clock measures how long answers are kept
 * @throws UserError when a name server is not given by its IP address
 */
export function createResolver(settings: Settings["dns"], clock: Clock = systemClock): Resolver {
  const resolver = new dns.Resolver({ timeout: settings.timeout, tries: TRIES });
  const servers = settings.servers.map(formatListenAddress);
  if (servers.length > 0) {
    try {
      resolver.setServers(servers);
    } catch (error) {
      throw new UserError(`dns.servers: expected IP addresses, found ${servers.join(", ")}`, EX_CONFIG, {
        cause: error,
      });
    }
  }
  const most = settings.timeout * FORGOTTEN_AFTER * Math.max(1, resolver.getServers().length);
  const ask = rememberingAsker(clock, most);
  return {
    mx: (domain) =>
      ask(`MX ${domain}`, domain, async () =>
        (await resolver.resolveMx(domain)).map(
          (record): MxRecord => ({
            preference: record.priority,
            exchange: record.exchange.replace(/\.$/, ""),
          }),
        ),
      ),
    a: (name) => ask(`A ${name}`, name, () => resolver.resolve4(name)),
    aaaa: (name) => ask(`AAAA ${name}`, name, () => resolver.resolve6(name)),
    ptr: (ip) => ask(`PTR ${ip}`, ip, () => namesOf(resolver, ip)),
  };
}

/** The names of an address. c-ares says "not found" of a name server's failure too, so that the record is asked for then. */
async function namesOf(resolver: dns.Resolver, ip: string): Promise<string[]> {
  try {
    return await resolver.reverse(ip);
  } catch (error) {
    const name = reverseName(ip);
    if (errnoOf(error) !== "ENOTFOUND" || name === undefined) throw error;
    return await resolver.resolvePtr(name);
  }
}

interface Kept {
  readonly answer: Promise<unknown>;
  /** ms since 1970; infinite while the question is under way. */
  until: number;
}

/**
 * Asks through a memory: the same question gets the same answer until it is too old. Temporary failures are not kept.
 *
 * @param most how long an answer may take (ms)
 */
function rememberingAsker(clock: Clock, most: number) {
  const kept = new Map<string, Kept>();
  return <T>(key: string, name: string, question: () => Promise<T[]>): Promise<T[]> => {
    const folded = key.toLowerCase();
    const known = kept.get(folded);
    if (known !== undefined && known.until > clock.now()) return known.answer as Promise<T[]>;
    kept.delete(folded);
    if (kept.size >= KEPT_ANSWERS) kept.delete(kept.keys().next().value!);
    const answer = answerOf(name, () => answered(question(), most, clock));
    const entry: Kept = { answer, until: Number.POSITIVE_INFINITY };
    kept.set(folded, entry);
    answer.then(
      () => {
        entry.until = clock.now() + KEEP_ANSWER;
      },
      (error: unknown) => {
        const absent = error instanceof DnsError && error.kind === "absent";
        entry.until = absent ? clock.now() + KEEP_ABSENT : 0;
      },
    );
    return answer;
  };
}

/** As `answer`, which has so long to come. */
function answered<T>(answer: Promise<T>, most: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(most, () => reject(new Error(`no answer in ${most} ms`)));
    void answer.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** The answer in the terms of {@link Resolver}: no data is an empty list, every failure a {@link DnsError}. */
async function answerOf<T>(name: string, question: () => Promise<T[]>): Promise<T[]> {
  try {
    return await question();
  } catch (error) {
    switch (errnoOf(error)) {
      case "ENODATA":
        return [];
      case "ENOTFOUND":
        throw new DnsError("absent", name, { cause: error });
      // The name itself is malformed (an empty or overlong label): no server could ever know it.
      case "EBADNAME":
        throw new DnsError("absent", name, { cause: error });
      default:
        throw new DnsError("temporary", name, { cause: error });
    }
  }
}
