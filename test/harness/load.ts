/**
 * A load of messages that does not give up: what is not acknowledged is sent again, under another mark, until it is, or
 * until the time of the whole load is over; then it says what the last attempt met with.
 */
import type { Random } from "../corpus/random.ts";
import type { MailHost } from "./host.ts";
import { openSmtp, type SmtpClient } from "./smtp-client.ts";

/** A message that was answered with 250. */
export interface Acknowledged {
  /** In the message's X-Mark field; no two attempts share one. */
  readonly mark: string;
  readonly recipient: string;
  /** The queue id of the reply. */
  readonly id: string;
  readonly at: number;
}

/** What is sent. */
export interface LoadPlan {
  readonly host: MailHost;
  readonly messages: number;
  readonly connections: number;
  readonly recipients: readonly string[];
  readonly random: Random;
  /** ms for all of it; 150 s when not given. */
  readonly within?: number;
  /** Called after each acknowledgement. */
  readonly onAcknowledged?: (count: number) => void;
}

/** How long an answer may take (ms): a host that was killed is back within 10 s. */
const PATIENCE = 20_000;

/**
 * Sends all of a plan; resolves when every message has been acknowledged once.
 *
 * @throws when the time is over, with what the last attempt met with as the cause
 */
export async function sendLoad(plan: LoadPlan): Promise<Acknowledged[]> {
  const { within = 150_000 } = plan;
  const end = Date.now() + within;
  const done: Acknowledged[] = [];
  let next = 0;
  let last: unknown;
  const sender = async (number: number): Promise<void> => {
    let client: SmtpClient | undefined;
    while (next < plan.messages) {
      const message = next++;
      for (let attempt = 1; ; attempt++) {
        const mark = `${message}-${attempt}`;
        const recipient = plan.recipients[message % plan.recipients.length]!;
        try {
          client ??= await openSmtp(plan.host.smtp, { patience: PATIENCE });
          const reply = await client.send(
            { from: `sender${number}@example.net`, to: recipient },
            markedMessage(mark, plan.random),
          );
          if (reply.code === 250) {
            const id = /^2\.0\.0 (\S+) /.exec(reply.text)?.[1] ?? "";
            done.push({ mark, recipient, id, at: Date.now() });
            plan.onAcknowledged?.(done.length);
            break;
          }
          last = new Error(`${reply.code} ${reply.text}`);
          if (reply.code >= 500) throw new Refused(`${reply.code} ${reply.text}`);
        } catch (error) {
          if (error instanceof Refused) throw error;
          last = error;
        }
        // A refused connection or one that was cut: the host is dying or coming back.
        client?.close();
        client = undefined;
        if (Date.now() > end) {
          const state = `${done.length} of ${plan.messages} acknowledged`;
          throw new Error(
            `message ${message} found no host in ${within / 1000} s, attempt ${attempt}; ${state}`,
            {
              cause: last,
            },
          );
        }
        await new Promise((resume) => setTimeout(resume, 20));
      }
      if (plan.random.chance(0.1)) {
        await takeLeave(client);
        client = undefined;
      }
    }
    await takeLeave(client);
  };
  await Promise.all(Array.from({ length: plan.connections }, (_, i) => sender(i)));
  return done;
}

/** Whatever comes of it, the connection is closed: one left open would keep the test's process. */
async function takeLeave(client: SmtpClient | undefined): Promise<void> {
  await client?.quit().catch(() => undefined);
  client?.close();
}

/** A refusal for good: the load is wrong, or the host is. */
class Refused extends Error {}

/** The mark of a message, or undefined when it has none. */
export function markOf(message: Buffer): string | undefined {
  return /^X-Mark: (\S+)\r?$/m.exec(message.toString("latin1"))?.[1];
}

function markedMessage(mark: string, random: Random): string {
  const lines = random.chance(0.02) ? 1500 : random.integer(5, 150);
  return `Subject: load\r\nX-Mark: ${mark}\r\n\r\n${"a line of the load, seventy letters of text and no more than these.\r\n".repeat(lines)}`;
}
