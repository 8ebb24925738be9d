/**
 * Names of clients by reverse look-up, confirmed forward: for the log, the Received header, and access entries by name.
 *
 * A bounded cache; the look-up of an address that is under way is shared. Nothing here ever rejects: no name is an answer too.
 */
import { isIPv4 } from "node:net";
import type { Clock } from "@mailhost/common/clock";
import { isAbsent, type Resolver } from "../dns/resolver.ts";
import { comparable } from "../policy/local-domains.ts";
import { isThisHost } from "../policy/policy-facts.ts";

/** What the DNS says of an address. */
export interface ClientName {
  /** Empty when it has no name. */
  readonly name: string;
  /** The name does not point back to the address: it decides nothing. */
  readonly forged: boolean;
  /** Why there is no name to trust; absent when there is one. */
  readonly nameless?: "none" | "forged" | "temporary";
}

/** Looks names up. */
export interface ClientNames {
  find(ip: string): Promise<ClientName>;
}

/** The answer when there is none. */
export const NO_NAME: ClientName = { name: "", forged: false, nameless: "none" };

/** The DNS did not answer, or has not yet. */
export const UNANSWERED: ClientName = { name: "", forged: false, nameless: "temporary" };

const MAX_CACHED = 10_000;
const KEEP_NAME = 10 * 60_000;
const KEEP_FAILURE = 60_000;

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** Opens the cache. */
export function openClientNames(resolver: () => Resolver, clock: Clock): ClientNames {
  const cache = new Map<string, { readonly until: number; readonly answer: Promise<ClientName> }>();
  const remember = (ip: string, until: number, answer: Promise<ClientName>) => {
    cache.delete(ip);
    cache.set(ip, { until, answer });
    // A Map keeps the order of insertion: the first is the oldest.
    if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value!);
  };
  return {
    find(ip) {
      if (isThisHost(ip)) return Promise.resolve({ name: "localhost", forged: false });
      const known = cache.get(ip);
      if (known !== undefined && known.until > clock.now()) return known.answer;
      const answer = lookUp(ip, resolver()).catch((error: unknown) => {
        const failure = isAbsent(error) ? NO_NAME : UNANSWERED;
        remember(ip, clock.now() + KEEP_FAILURE, Promise.resolve(failure));
        return failure;
      });
      remember(ip, clock.now() + KEEP_NAME, answer);
      return answer;
    },
  };
}

async function lookUp(ip: string, resolver: Resolver): Promise<ClientName> {
  // Whoever owns an address writes its PTR record: only what looks like a host name is taken.
  const name = (await resolver.ptr(ip))[0]?.toLowerCase().replace(/\.$/, "") ?? "";
  if (!HOST_NAME.test(name) || /(?:^|\.)\d+$/.test(name)) return NO_NAME;
  try {
    const addresses = await (isIPv4(ip) ? resolver.a(name) : resolver.aaaa(name));
    const confirmed = addresses.some((address) => comparable(address) === comparable(ip));
    return confirmed ? { name, forged: false } : { name, forged: true, nameless: "forged" };
  } catch (error) {
    // A name whose own look-up fails is not confirmed.
    return { name, forged: true, nameless: isAbsent(error) ? "forged" : "temporary" };
  }
}
