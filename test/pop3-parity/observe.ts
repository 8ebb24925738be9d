/**
 * What a POP3 server shows of a mailbox: everything that a client can ask for, byte for byte.
 */
import { loggedIn, type Pop3Client } from "../harness/pop3-client.ts";
import type { Server } from "./peers.ts";

/** Lines of TOP that are asked for. */
export const TOPS = [0, 1, 5] as const;

/** A message as a server shows it. */
export interface ShownMessage {
  /** What LIST says. */
  readonly octets: number;
  /** What RETR sends, dots undone. */
  readonly bytes: Buffer;
  /** What TOP sends, for each of {@link TOPS}. */
  readonly tops: readonly Buffer[];
}

/** A mailbox as a server shows it. */
export interface Shown {
  /** The numbers of STAT. */
  readonly stat: string;
  readonly messages: readonly ShownMessage[];
  /** Different ids that UIDL tells. */
  readonly uids: number;
}

/** The longest mailbox of which every message is fetched by TOP. */
const TOPPED = 100;

/** Looks at a mailbox in one session, in which these numbers are deleted at the end. */
export async function observe(
  server: Server,
  user: string,
  mailbox: Buffer | undefined,
  deleted: (count: number) => readonly number[] = () => [],
): Promise<Shown> {
  if (mailbox !== undefined) server.fill(user, mailbox);
  const session = await loggedIn(server.pop3, user, server.password);
  const stat = (await session.command("STAT")).split(" ").slice(1, 3).join(" ");
  const octets = (await session.lines("LIST")).map((line) => Number(line.split(" ")[1]));
  const uids = new Set(await session.uids()).size;
  const messages: ShownMessage[] = [];
  for (const [i, size] of octets.entries()) {
    messages.push({ octets: size, ...(await fetched(session, i + 1, octets.length <= TOPPED)) });
  }
  for (const number of deleted(octets.length)) await session.command(`DELE ${number}`);
  await session.quit();
  return { stat, messages, uids };
}

async function fetched(
  session: Pop3Client,
  number: number,
  topped: boolean,
): Promise<Omit<ShownMessage, "octets">> {
  const bytes = await session.retrieve(number);
  const tops: Buffer[] = [];
  if (topped) for (const lines of TOPS) tops.push(await session.top(number, lines));
  return { bytes, tops };
}
