/**
 * How many sessions there may be at once: in all, and from one address.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";

/** Counts sessions. */
export interface ConnectionLimits {
  /**
   * Counts a session in. A refusal is not counted.
   *
   * @param counted false for clients of which any number may come (loopback, RELAY networks)
   * @returns the refusal, or the function that counts the session out again
   */
  enter(ip: string, counted: boolean): { readonly refusal: SmtpReply } | { readonly leave: () => void };
}

/** Opens the counters of one daemon; the bounds are asked for at each session, so that a reload changes them. */
export function openConnectionLimits(
  bounds: () => { readonly total: number; readonly perClient: number },
): ConnectionLimits {
  let total = 0;
  const perClient = new Map<string, number>();
  return {
    enter(ip, counted) {
      const { total: most, perClient: mostPerClient } = bounds();
      if (total >= most)
        return { refusal: reply(421, "4.3.2", "Too many open connections; try again later") };
      const own = perClient.get(ip) ?? 0;
      if (counted && own >= mostPerClient) {
        return { refusal: reply(421, "4.3.2", `Too many open connections from [${ip}]; try again later`) };
      }
      total += 1;
      if (counted) perClient.set(ip, own + 1);
      let inside = true;
      return {
        leave() {
          if (!inside) return;
          inside = false;
          total -= 1;
          if (!counted) return;
          const left = (perClient.get(ip) ?? 1) - 1;
          if (left > 0) perClient.set(ip, left);
          else perClient.delete(ip);
        },
      };
    },
  };
}
