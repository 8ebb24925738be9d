/**
 * The mail of a round: several connections, small and large messages, one and several recipients, other hosts and such that refuse.
 * What is not acknowledged is sent again under another mark.
 */
import type { Random } from "../corpus/random.ts";
import { randomFrom } from "../corpus/random.ts";
import { openSmtp, type SmtpClient } from "../harness/smtp-client.ts";
import type { Accounts } from "./accounts.ts";
import { type CrashHost, DOMAIN, FETCHED, KEPT, SENDER } from "./crash-host.ts";
import { markedMessage } from "./marked-mail.ts";

/** What is sent. */
export interface TrafficPlan {
  readonly at: CrashHost;
  readonly accounts: Accounts;
  readonly round: number;
  readonly messages: number;
  readonly connections: number;
  readonly random: Random;
  /** Told how many have been acknowledged. */
  onAcknowledged(count: number): void;
}

/** Attempts for one message: a host that dies is back within seconds. */
const MOST_ATTEMPTS = 3000;

/** Sends a round's mail; resolves when each message has been acknowledged once. */
export async function sendTraffic(plan: TrafficPlan): Promise<void> {
  let next = 0;
  let count = 0;
  const sender = async (number: number): Promise<void> => {
    const random = randomFrom(plan.random.integer(0, 0x7fff_ffff));
    let client: SmtpClient | undefined;
    while (next < plan.messages) {
      const message = next++;
      const to = recipientsFor(random);
      for (let attempt = 1; ; attempt++) {
        const mark = `${plan.round}-${message}-${attempt}`;
        try {
          client ??= await openSmtp(plan.at.host.smtp, { patience: 60_000 });
          const from = `${SENDER}@${DOMAIN}`;
          const reply = await client.send({ from, to }, markedMessage(mark, random));
          if (reply.code === 250) {
            plan.accounts.acknowledge(mark, to, plan.round);
            plan.onAcknowledged(++count);
            break;
          }
          if (reply.code >= 500) throw new Refused(`${reply.code} ${reply.text}`);
        } catch (error) {
          if (error instanceof Refused) throw error;
        }
        client?.close();
        client = undefined;
        if (attempt > MOST_ATTEMPTS)
          throw new Error(`message ${message} of round ${plan.round} found no host`);
        await new Promise((resume) => setTimeout(resume, 20));
      }
      if (random.chance(0.3)) {
        await client?.quit().catch(() => undefined);
        client = undefined;
      }
    }
    await client?.quit().catch(() => undefined);
    client?.close();
    void number;
  };
  await Promise.all(Array.from({ length: plan.connections }, (_, i) => sender(i)));
}

/** A refusal for good: the harness is wrong, or the host is. */
class Refused extends Error {}

const LOCAL = [...FETCHED, ...KEPT].map((name) => `${name}@${DOMAIN}`);

function recipientsFor(random: Random): string[] {
  const draw = random.integer(1, 100);
  const local = random.pick(LOCAL);
  if (draw <= 3) return [`${random.pick(["anna", "berta"])}@elsewhere.example`];
  if (draw <= 4) return [local, "anna@elsewhere.example"];
  if (draw <= 5) return ["nobody@elsewhere.example"];
  if (draw <= 15) return [...new Set([local, random.pick(LOCAL), random.pick(LOCAL)])];
  return [local];
}
