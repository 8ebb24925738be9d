/**
 * Messages that are offered at a rate of their own, whatever becomes of those before: as the world does it. A client that is refused
 * goes away. Told are the times that each had to wait.
 */
import type { Endpoint } from "./connection.ts";
import { openSmtp, type SmtpClient } from "./smtp-client.ts";

/** What became of one client. Times in ms. */
export interface Offered {
  /** In the message's X-Mark field. */
  readonly mark: string;
  readonly recipient: string;
  /** The reply that decided: 250, or the refusal; 0 when the connection was cut. */
  readonly code: number;
  /** From the connection to the greeting, which may be the refusal. */
  readonly greeted: number;
  /** From the connection to the reply that decided. */
  readonly took: number;
}

/** How it is offered. */
export interface OfferedLoad {
  readonly to: Endpoint;
  readonly recipients: readonly string[];
  readonly seconds: number;
  /** Clients at once at most; who finds no place is not sent. */
  readonly most: number;
  /** Clients a second; absent: a new one as soon as another has gone. */
  readonly rate?: number;
  /** Begins the marks. */
  readonly name: string;
}

const BODY = `${"a line of the load, seventy letters of text and no more than these.\r\n".repeat(60)}`;

/** Offers it; resolves when the last client has gone. */
export async function offerLoad(load: OfferedLoad): Promise<Offered[]> {
  const results: Offered[] = [];
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  let [underWay, number] = [0, 0];
  const clients: Promise<void>[] = [];
  const send = (): void => {
    const n = number++;
    underWay += 1;
    const client = offer(load, n).then((result) => {
      results.push(result);
      underWay -= 1;
    });
    clients.push(client);
  };
  while (elapsed() < load.seconds * 1000) {
    const due = load.rate === undefined ? Infinity : (elapsed() / 1000) * load.rate;
    while (underWay < load.most && number < due) send();
    await new Promise((resume) => setTimeout(resume, 5));
    // Those for whom there was no place are not made up for.
    if (load.rate !== undefined) number = Math.max(number, Math.floor((elapsed() / 1000) * load.rate) - 50);
  }
  await Promise.all(clients);
  return results;
}

async function offer({ to, recipients, name }: OfferedLoad, n: number): Promise<Offered> {
  const recipient = recipients[n % recipients.length]!;
  const mark = `${name}-${n}`;
  const began = performance.now();
  const since = () => performance.now() - began;
  const result = (code: number, greeted: number) => ({ mark, recipient, code, greeted, took: since() });
  let client: SmtpClient | undefined;
  try {
    // One address may only have so many connections.
    client = await openSmtp(to, { from: `127.0.1.${1 + (n % 100)}` });
    const greeted = since();
    if (client.greeting.code !== 220) return result(client.greeting.code, greeted);
    const reply = await client.send(
      { from: "somebody@example.net", to: recipient },
      `Subject: load\r\nX-Mark: ${mark}\r\n\r\n${BODY}`,
    );
    const decided = result(reply.code, greeted);
    await client.quit();
    return decided;
  } catch {
    return result(0, since());
  } finally {
    client?.close();
  }
}
