// time limit: 280 s
/**
 * kill -9 of the mta and the launcher at random moments while mail goes to lists of mailboxes, programs and files, from
 * other hosts and from `sendmail` of users: each of them has each message in the end, whole, and few of them twice.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { type Random, randomFrom } from "./corpus/random.ts";
import { eventually } from "./harness/eventually.ts";
import { ARTICLE_FILES, type MailHost, prepareSite, startOn } from "./harness/host.ts";
import { markOf, sendLoad } from "./harness/load.ts";
import { sendmailAsUser } from "./harness/local-users.ts";
import { readMbox } from "./harness/mbox-reader.ts";
import { needs } from "./harness/programs.ts";
import { reservedPort } from "./harness/reserved-port.ts";

const SEED = Number(process.env.MAILHOST_CRASH_SEED ?? 20_261_127);
const SELF = `${process.getuid!()}:${process.getgid!()}`;
const MESSAGES = 150;
const BY_USERS = 6;
const KILLS = 6;

/** A host with a list of a mailbox, a program, a file and an owner. */
async function listHost(t: TestContext): Promise<MailHost> {
  const site = await prepareSite(t, {
    users: ["wang", "li"],
    settings: {
      queue: { interval: "500ms" },
      local: { programDirectory: false, defaultUser: SELF },
      // Of its own, also while the host is down: whoever else came upon it would be taken for the host.
      smtp: { listen: [`127.0.0.1:${await reservedPort()}`], privacy: [] },
    },
  });
  mkdirSync(site.path("out"));
  chmodSync(site.root, 0o755);
  chmodSync(site.path("out"), 0o777);
  site.write("take", `#!/bin/sh\ncd ${site.root}/out\nf=$(mktemp .XXXXXXXXXX) && cat >$f && mv $f take$f\n`);
  chmodSync(site.path("take"), 0o755);
  site.write(
    "etc/mail/aliases",
    `${ARTICLE_FILES["etc/mail/aliases"]}mixed: wang, "|${site.root}/take", ${site.root}/out/archive\nowner-mixed: li\n`,
  );
  return startOn(t, site);
}

/** How a host is doing, for whoever waits in vain. */
function stateOf(host: MailHost): string {
  const lives = (["mailhost", "mta", "pop3"] as const).map((name) =>
    host.alive(name) ? `${name} ${host.pid(name)}` : `no ${name}`,
  );
  return `${lives.join(", ")}; the log ends\n${host.log().slice(-3000)}`;
}

/** Sends mail by `sendmail`; what was not accepted is sent again under another mark. */
async function sendByUsers(host: MailHost): Promise<string[]> {
  const marks: string[] = [];
  for (let n = 0; n < BY_USERS; n++) {
    for (let attempt = 1; ; attempt++) {
      const mark = `user-${n}-${attempt}`;
      const text = `Subject: by a user\nX-Mark: ${mark}\n\n${"another line\n".repeat(50)}the end of ${mark}\n`;
      const sent = await sendmailAsUser(host, ["mixed"], text);
      if (sent.code === 0) {
        marks.push(mark);
        break;
      }
      assert.ok(attempt < 50, `${sent.code} ${sent.stderr}`);
    }
  }
  return marks;
}

/** Kills along the way, and starts what does not come back by itself. */
async function killAlongTheWay(host: MailHost, random: Random, count: () => number, over: () => boolean) {
  for (let n = 1; n <= KILLS && !over(); n++) {
    const moment = Math.floor((n * MESSAGES) / (KILLS + 1));
    await eventually(() => count() >= moment || over(), {
      within: 60_000,
      what: () => `${moment} messages before kill ${n}, ${count()} came; ${stateOf(host)}`,
    });
    await new Promise((resume) => setTimeout(resume, random.integer(0, 60)));
    const target = random.pick(["mta", "mta", "mailhost"] as const);
    const what = (of: string) => () => `${of}, kill ${n}; ${stateOf(host)}`;
    await eventually(() => host.alive(target), { what: what(`a living ${target}`) });
    host.signal(target, "SIGKILL");
    if (target !== "mailhost") continue;
    await host.ended();
    await eventually(() => !host.alive("mta") && !host.alive("pop3"), { what: what("the children to end") });
    await host.start();
  }
}

/** How often each message is among texts, and how often whole: as long as its longest copy. */
function copiesOf(messages: readonly Buffer[]): Map<string, string[]> {
  const copies = new Map<string, string[]>();
  for (const message of messages) {
    const mark = markOf(message);
    if (mark === undefined) continue;
    // What is before the mark are the fields of its way.
    const text = message.toString("latin1");
    copies.set(mark, [...(copies.get(mark) ?? []), text.slice(text.indexOf("X-Mark:")).trimEnd()]);
  }
  return copies;
}

test("lists of mailboxes, programs and files through 6 kills", {
  timeout: 260_000,
  ...needs("setpriv"),
}, async (t) => {
  const host = await listHost(t);
  const random = randomFrom(SEED);
  let count = 0;
  let over = false;
  const load = sendLoad({
    host,
    messages: MESSAGES,
    connections: 8,
    recipients: ["mixed@linuxaid.com.cn"],
    random: randomFrom(SEED + 1),
    within: 120_000,
    onAcknowledged: (n) => (count = n),
  })
    .catch((error: unknown) => {
      throw new Error(`the load; ${stateOf(host)}`, { cause: error });
    })
    .finally(() => (over = true));
  const [acknowledged, byUsers] = await Promise.all([
    load,
    sendByUsers(host),
    killAlongTheWay(
      host,
      random,
      () => count,
      () => over,
    ),
  ]);
  let [dropped, queued] = [0, ""];
  await eventually(
    async () => {
      dropped = readdirSync(host.path("var/spool/clientmqueue")).filter(
        (name) => !name.startsWith("."),
      ).length;
      queued = (await host.mailhost(["queue", "list"])).stdout;
      return dropped === 0 && queued.includes("the queue is empty");
    },
    {
      within: 60_000,
      what: () => `an empty queue; ${dropped} dropped, ${queued.slice(0, 1000)}; ${stateOf(host)}`,
    },
  );
  const marks = [...acknowledged.map(({ mark }) => mark), ...byUsers];
  const places = {
    mailbox: copiesOf(host.mailbox("wang").map(({ message }) => message)),
    file: copiesOf(readMbox(host.path("out/archive")).map(({ message }) => message)),
    program: copiesOf(
      readdirSync(host.path("out"))
        .filter((name) => name.startsWith("take"))
        .map((name) => readFileSync(host.path(`out/${name}`))),
    ),
  };
  let twice = 0;
  for (const mark of marks) {
    const [text] = places.mailbox.get(mark) ?? [];
    assert.ok(text !== undefined, `${mark} is not in the mailbox`);
    for (const [place, copies] of Object.entries(places)) {
      const found = copies.get(mark) ?? [];
      assert.ok(
        found.includes(text),
        `${mark} is not whole in the ${place}: ${found.map((c) => c.length).join(", ")}`,
      );
      // A program that was being fed at a kill has seen the end of its input; a mailbox and a file are whole.
      if (place !== "program")
        assert.ok(
          found.every((copy) => copy === text),
          `${mark} is torn in the ${place}`,
        );
      twice += found.length - 1;
    }
  }
  t.diagnostic(`seed ${SEED}, ${marks.length} messages in three places, ${twice} copies too many`);
  assert.ok(twice <= KILLS * 8 * 3, `${twice} copies too many`);
  assert.deepEqual(host.mailbox("li"), [], "no report went to the owner");
});
