/**
 * POP before SMTP: a session that logs in or fetches lets its client's address relay, and not with every fetch anew.
 */
import { messageOf } from "@mailhost/common/errors";
import type { Services } from "../services.ts";
import { type Client, hostOf } from "./client.ts";

/** A fetch renews the relay permission at most this often, ms, or four times in its lifetime: each is a write to disk. */
const RENEWAL = 60_000;

/** The renewals of one session. */
export class RelayRenewal {
  readonly #services: Services;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(services: Services) {
    this.#services = services;
  }

  /** Lets the address relay from now on. Nobody waits for it; that it could not be recorded is in the log. */
  renew(client: Client, user: string): void {
    const { clock, log, settings } = this.#services;
    const { ip, hidden } = client;
    const drac = this.#services.drac();
    // A hidden address may be everybody's.
    const often = Math.min(RENEWAL, settings().drac.lifetime / 4);
    if (drac === undefined || hidden || clock.now() - this.#renewedAt < often) return;
    this.#renewedAt = clock.now();
    drac.record(ip, user).then(
      () => log.write("debug", `[drac]: login by ${user} from host ${hostOf(client)} (${ip})`),
      (error: unknown) => log.write("warn", `[drac]: ${ip} of ${user} was not recorded: ${messageOf(error)}`),
    );
  }
}
