/**
 * POP before SMTP: a session that logs in or fetches lets its client's address relay, and not with every fetch anew.
 */
import { messageOf } from "@mailhost/common/errors";
import type { Services } from "../services.ts";
import { type Client, hostOf } from "./client.ts";

/** A fetch renews the relay permission at most this often, ms, or four times in its lifetime: each is a write to disk. */
const RENEWAL = 60_000;

/** How long a login waits for the disk (ms). */
const RECORDED_WITHIN = 1000;

/** The renewals of one session. */
export class RelayRenewal {
  readonly #services: Services;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(services: Services) {
    this.#services = services;
  }

  /**
   * Lets the address relay from now on; that it could not be recorded is in the log.
   *
   * @returns resolves when it may, or when the disk takes long to say so; undefined when there is nothing to record
   */
  renew(client: Client, user: string): Promise<void> | undefined {
    const { clock, log, settings } = this.#services;
    const { ip, hidden } = client;
    const drac = this.#services.drac();
    // A hidden address may be everybody's.
    const often = Math.min(RENEWAL, settings().drac.lifetime / 4);
    if (drac === undefined || hidden || clock.now() - this.#renewedAt < often) return undefined;
    this.#renewedAt = clock.now();
    const recorded = drac.record(ip, user).then(
      () => log.write("debug", `[drac]: login by ${user} from host ${hostOf(client)} (${ip})`),
      (error: unknown) => log.write("warn", `[drac]: ${ip} of ${user} was not recorded: ${messageOf(error)}`),
    );
    return new Promise((resolve) => {
      const late = clock.after(RECORDED_WITHIN, resolve);
      void recorded.then(() => {
        late.cancel();
        resolve();
      });
    });
  }
}
