// time limit: 300 s
/**
 * kill -9 of the mta, the pop3 daemon and the launcher at random moments of a load: every acknowledged message is in a
 * mailbox or in the queue whenever one looks, and in its mailbox in the end.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Random, randomFrom } from "./corpus/random.ts";
import { eventually } from "./harness/eventually.ts";
import { type MailHost, PASSWORD, prepareSite, startOn } from "./harness/host.ts";
import type { ProcessName } from "./harness/host-process.ts";
import { type Acknowledged, markOf, sendLoad } from "./harness/load.ts";
import { addAccounts } from "./harness/many-accounts.ts";
import { openPop3 } from "./harness/pop3-client.ts";

const USERS = Array.from({ length: 10 }, (_, i) => `user${i}`);
const SEED = Number(process.env.MAILHOST_CRASH_SEED ?? 20_261_124);

async function loadedHost(t: TestContext): Promise<MailHost> {
  const site = await prepareSite(t, { settings: { queue: { interval: "500ms" } } });
  await addAccounts(site, USERS);
  return startOn(t, site);
}

/**
 * The marks of every message in every mailbox, with how often each is there.
 *
 * @param torn while the host is down after a kill the last message of a mailbox may be half written: its lock still stands
 */
function marksInMailboxes(host: MailHost, torn?: "half written is allowed"): Map<string, number> {
  const marks = new Map<string, number>();
  for (const user of USERS) {
    for (const { message } of host.mailbox(user)) {
      const mark = markOf(message);
      if (mark === undefined && torn !== undefined) continue;
      assert.ok(mark, `a message of ${user} is torn: ${message.toString("latin1", 0, 300)}`);
      marks.set(mark, (marks.get(mark) ?? 0) + 1);
    }
  }
  return marks;
}

/** Fails with how many there are and the first few of them. */
function assertNone(messages: readonly Acknowledged[], what: string): void {
  const shown = messages.slice(0, 5).map((message) => JSON.stringify(message));
  assert.equal(messages.length, 0, `${messages.length} ${what}\n${shown.join("\n")}`);
}

/** Fails if an acknowledged message is neither in a mailbox, nor fetched, nor in the queue. The host must be down. */
async function assertNothingLost(
  host: MailHost,
  acknowledged: readonly Acknowledged[],
  fetched: ReadonlySet<string>,
) {
  const marks = marksInMailboxes(host, "half written is allowed");
  const queue = await host.mailhost(["queue", "list", "--json"]);
  assert.equal(queue.code, 0, queue.stderr);
  const lost = acknowledged.filter(
    (a) => !marks.has(a.mark) && !fetched.has(a.mark) && !queue.stdout.includes(a.id),
  );
  assertNone(
    lost,
    `of ${acknowledged.length} acknowledged messages are lost; the queue holds ${queue.stdout.length} letters`,
  );
}

/** Kills a process; false when there was none to kill. */
function kill(host: MailHost, target: ProcessName): boolean {
  if (!host.alive(target)) return false;
  host.signal(target, "SIGKILL");
  return true;
}

interface Campaign {
  readonly messages: number;
  readonly kills: number;
  readonly targets: readonly ProcessName[];
  readonly random: Random;
  readonly fetched: ReadonlySet<string>;
}

/** Sends the load and kills along the way; resolves with what was acknowledged and how often each process died. */
async function campaign(host: MailHost, plan: Campaign) {
  const { random } = plan;
  const moments = Array.from({ length: plan.kills }, () => random.integer(1, plan.messages - 1)).toSorted(
    (a, b) => a - b,
  );
  const deaths = new Map<ProcessName, number>();
  const acknowledged: Acknowledged[] = [];
  let count = 0;
  const killer = async () => {
    for (const moment of moments) {
      await eventually(() => count >= moment, {
        within: 120_000,
        what: `${moment} acknowledged messages, after ${count}`,
      });
      await new Promise((resume) => setTimeout(resume, random.integer(0, 30)));
      const target = random.pick(plan.targets);
      deaths.set(target, (deaths.get(target) ?? 0) + 1);
      // It may be dead already and not yet back.
      await eventually(() => kill(host, target), { within: 30_000, what: `a living ${target}` });
      if (target !== "mailhost") continue;
      await host.ended();
      await eventually(() => !host.alive("mta") && !host.alive("pop3"), { what: "the children to end" });
      await host.start();
    }
  };
  const load = sendLoad({
    host,
    messages: plan.messages,
    connections: 16,
    recipients: USERS.map((user) => `${user}@linuxaid.com.cn`),
    random: randomFrom(random.integer(0, 1_000_000)),
    onAcknowledged: (n) => (count = n),
  });
  const [all] = await Promise.all([load, killer()]);
  acknowledged.push(...all);
  return { acknowledged, deaths };
}

async function queueIsEmpty(host: MailHost): Promise<void> {
  await eventually(
    async () => (await host.mailhost(["queue", "list"])).stdout.includes("the queue is empty"),
    {
      within: 60_000,
      what: "an empty queue",
    },
  );
}

test("2,000 messages, 20 kills: nothing acknowledged is lost", { timeout: 280_000 }, async (t) => {
  const host = await loadedHost(t);
  const none = new Set<string>();
  const { acknowledged, deaths } = await campaign(host, {
    messages: 2000,
    kills: 20,
    targets: ["mta", "mta", "pop3", "mailhost"],
    random: randomFrom(SEED),
    fetched: none,
  });
  host.signal("mailhost", "SIGKILL");
  await host.ended();
  await eventually(() => !host.alive("mta") && !host.alive("pop3"), { what: "the children to end" });
  await assertNothingLost(host, acknowledged, none);
  await host.start();
  await queueIsEmpty(host);
  const marks = marksInMailboxes(host);
  const lost = acknowledged.filter((a) => !marks.has(a.mark));
  assertNone(lost, `of ${acknowledged.length} acknowledged messages were not delivered`);
  const twice = [...marks.values()].filter((n) => n > 1).length;
  t.diagnostic(
    `seed ${SEED}, deaths ${JSON.stringify([...deaths])}, ${twice} of ${marks.size} messages arrived twice`,
  );
  // Twice is possible only for what was being delivered at a kill of the mta or of the launcher.
  const killsOfMta = (deaths.get("mta") ?? 0) + (deaths.get("mailhost") ?? 0) + 1;
  assert.ok(twice <= killsOfMta * 16, `${twice} messages arrived twice in ${killsOfMta} kills`);
});

/** Fetches and deletes in some mailboxes until told to stop; every message that was seen is noted. */
async function fetchAndDelete(
  host: MailHost,
  users: readonly string[],
  seen: Set<string>,
  over: () => boolean,
  onDeleted: (count: number) => void,
): Promise<void> {
  while (!over()) {
    for (const user of users) {
      try {
        const session = await openPop3(host.pop3, { patience: 60_000 });
        try {
          if (!(await session.login(user, PASSWORD)).startsWith("+OK")) continue;
          const count = await session.count();
          for (let n = 1; n <= count; n++) {
            const mark = markOf(await session.retrieve(n));
            assert.ok(mark, `message ${n} of ${user} is torn`);
            seen.add(mark);
            await session.command(`DELE ${n}`);
          }
          if ((await session.quit()).startsWith("+OK")) onDeleted(count);
        } finally {
          session.close();
        }
      } catch (error) {
        // A connection that was cut by a kill deletes nothing; what is torn is a fault.
        if (error instanceof assert.AssertionError) throw error;
        await new Promise((resume) => setTimeout(resume, 50));
      }
    }
  }
}

test("with clients that fetch and delete meanwhile, nothing is lost or torn either", {
  timeout: 120_000,
}, async (t) => {
  const host = await loadedHost(t);
  const seen = new Set<string>();
  let over = false;
  let deleted = 0;
  const isOver = () => over;
  const clients = Promise.all(
    USERS.map((user) => fetchAndDelete(host, [user], seen, isOver, (count) => (deleted += count))),
  );
  const { acknowledged, deaths } = await campaign(host, {
    messages: 800,
    kills: 8,
    targets: ["pop3", "pop3", "mta", "mailhost"],
    random: randomFrom(SEED + 1),
    fetched: seen,
  })
    // The locks of the dead are broken 15 s after their last sign of life: not every client had its turn during the load.
    .then(async (result) => {
      await eventually(() => deleted > 0, { within: 45_000, what: "messages that were fetched and deleted" });
      return result;
    })
    .finally(() => (over = true));
  await clients;
  await queueIsEmpty(host);
  const marks = marksInMailboxes(host);
  const lost = acknowledged.filter((a) => !marks.has(a.mark) && !seen.has(a.mark));
  assertNone(lost, `of ${acknowledged.length} acknowledged messages are neither fetched nor there`);
  t.diagnostic(
    `seed ${SEED + 1}, deaths ${JSON.stringify([...deaths])}, ${deleted} fetched and deleted, ${marks.size} left`,
  );
});
