/** POP3 clients that fetch, delete and quit until they are told to pause. */
import { PASSWORD } from "../harness/host.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import type { Accounts } from "./accounts.ts";
import { type CrashHost, DOMAIN, FETCHED } from "./crash-host.ts";
import { isWhole, markIn } from "./marked-mail.ts";

/** Clients at work. */
export interface Fetchers {
  /** Messages that were deleted, as the server has said. */
  readonly deleted: number;
  /** Resolves when no session is open; none is opened until {@link resume}. */
  pause(): Promise<void>;
  resume(): void;
}

/** So many are fetched and deleted in one session. */
const MOST = 40;

/** Starts them; they stand still at first. */
export function startFetchers(at: CrashHost, accounts: Accounts, clients: number): Fetchers {
  let running = false;
  let deleted = 0;
  let turn = 0;
  let under: Promise<void>[] = [];

  const client = async (): Promise<void> => {
    while (running) {
      const user = FETCHED[turn++ % FETCHED.length]!;
      deleted += await fetchOnce(at, accounts, user).catch(() => 0);
      await new Promise((resume) => setTimeout(resume, 40));
    }
  };
  return {
    get deleted() {
      return deleted;
    },
    async pause() {
      running = false;
      await Promise.all(under);
    },
    resume() {
      running = true;
      under = Array.from({ length: clients }, client);
    },
  };
}

/** One session; how many messages are deleted for certain. */
async function fetchOnce(at: CrashHost, accounts: Accounts, user: string): Promise<number> {
  const recipient = `${user}@${DOMAIN}`;
  const session = await openPop3(at.host.pop3, { patience: 30_000 });
  const fetched: string[] = [];
  let certain = false;
  try {
    if (!(await session.login(user, PASSWORD)).startsWith("+OK")) return 0;
    const count = Math.min(MOST, await session.count());
    for (let n = 1; n <= count; n++) {
      const message = await session.retrieve(n);
      const mark = markIn(message);
      if (mark === undefined || !isWhole(message)) {
        accounts.torn.push(`${mark ?? "no mark"}, fetched by ${user}`);
        continue;
      }
      if ((await session.command(`DELE ${n}`)).startsWith("+OK")) fetched.push(mark);
    }
    certain = (await session.quit()).startsWith("+OK");
    return certain ? fetched.length : 0;
  } finally {
    session.close();
    for (const mark of fetched) {
      if (certain) accounts.taken(mark, recipient);
      else accounts.perhapsTaken(mark, recipient);
    }
  }
}
