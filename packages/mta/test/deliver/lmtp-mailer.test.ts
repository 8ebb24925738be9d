/** LMTP: an answer for each recipient, over a port, a socket or a program's pipes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { type Clock, systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { createLmtpMailer, readLmtpServer } from "../../src/deliver/lmtp-mailer.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { programSlots } from "../../src/deliver/program-mailer.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import { bodyOf, entryOf, local, temporarySite } from "../queue/queue-samples.ts";
import { until } from "./fake-peer.ts";

/** Answers of a server: by RCPT's argument, and after the message by recipient in turn. */
interface Script {
  readonly rcpt?: Readonly<Record<string, string>>;
  readonly end?: readonly string[];
}

/** A server on a port, or on a socket in the file system. */
async function serve(t: TestContext, script: Script, path?: string) {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    const say = (line: string) => socket.write(`${line}\r\n`);
    let inData = false;
    let rest = "";
    say("220 lmtp.example LMTP");
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1");
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        lines.push(line);
        if (inData) {
          if (line !== ".") continue;
          inData = false;
          for (const answer of script.end ?? ["250 2.1.5 ok"]) {
            if (answer === "close") socket.destroy();
            else say(answer);
          }
          continue;
        }
        const verb = line.split(/[ :]/)[0]!;
        if (verb === "LHLO") say("250-lmtp.example\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES");
        else if (verb === "RCPT") say(script.rcpt?.[line.slice(8)] ?? "250 2.1.5 ok");
        else if (verb === "DATA") inData = say("354 go on");
        else say(verb === "QUIT" ? "221 2.0.0 bye" : "250 2.0.0 ok");
      }
    });
  });
  if (path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { lines, command: path ?? `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function deliver(
  command: string,
  recipients: QueueRecipient[],
  clock: Clock = systemClock,
): Promise<string[]> {
  const settings = parseSettings(
    JSON.stringify({ hostname: "here.example", local: { mailer: "lmtp", lmtpCommand: command } }),
    "mailhost.yaml",
  );
  const mailer = createLmtpMailer({ settings, slots: programSlots(), clock, log: silentLog });
  const body = bodyOf("Subject: x\r\n\r\n.dot\r\n");
  const outcomes = await mailer.deliver({
    entry: entryOf({ size: body.size }),
    body,
    recipients,
    forced: false,
  });
  return outcomes.map(shown);
}

const shown = ({ kind, reply }: Outcome) => `${kind} ${reply.code} ${reply.enhanced} ${reply.text}`;

test("each recipient has its own fate, before the message and after it", async (t) => {
  const server = await serve(t, {
    rcpt: { "<eve>": "550 5.1.1 eve... User unknown", "<tom>": "450 4.2.0 tom... locked" },
    end: ["250 2.1.5 bob Ok", "552 5.2.2 ann over quota", "451 4.3.0 try again"],
  });
  const names = ["bob", "eve", "ann", "tom", "zoe"];
  assert.deepEqual(
    await deliver(
      server.command,
      names.map((name) => local(`${name}@here.example`)),
    ),
    [
      "delivered 250 2.1.5 bob Ok",
      "failed 550 5.1.1 eve... User unknown",
      "failed 552 5.2.2 ann over quota",
      "deferred 450 4.2.0 tom... locked",
      "deferred 451 4.3.0 try again",
    ],
  );
  assert.equal(server.lines[0], "LHLO here.example");
  assert.ok(server.lines.includes("..dot"));
});

test("two recipients of one mailbox get one copy, a list's owner is the sender of its own transaction", async (t) => {
  const server = await serve(t, {});
  const alias = local("info@here.example", { target: { kind: "mailbox", name: "bob" } });
  const listed = local("ann@here.example", { sender: "owner-list@here.example" });
  const outcomes = await deliver(server.command, [local("bob@here.example"), alias, listed]);
  assert.deepEqual(outcomes, Array(3).fill("delivered 250 2.1.5 ok"));
  const commands = server.lines.filter((line) => /^(MAIL|RCPT)/.test(line));
  assert.deepEqual(commands, [
    "MAIL From:<sender@origin.example>",
    "RCPT To:<bob>",
    "MAIL From:<owner-list@here.example>",
    "RCPT To:<ann>",
  ]);
});

test("a server that goes in the middle of its answers has taken what it said it took", async (t) => {
  const server = await serve(t, { end: ["250 2.1.5 ok", "close"] });
  const [first, second] = await deliver(server.command, [
    local("bob@here.example"),
    local("ann@here.example"),
  ]);
  assert.equal(first, "delivered 250 2.1.5 ok");
  assert.match(second ?? "", /^deferred 421 4\.4\.2 Connection closed by/);
});

test("over a socket, and over a program that is not there", async (t) => {
  const site = await temporarySite(t);
  const server = await serve(t, {}, join(site.root, "lmtp"));
  assert.deepEqual(await deliver(server.command, [local("bob@here.example")]), ["delivered 250 2.1.5 ok"]);
  const [gone] = await deliver(join(site.root, "no-such-program -l"), [local("bob@here.example")]);
  assert.match(gone ?? "", /^deferred 4\d\d /);
  const [none] = await deliver("127.0.0.1:1", [local("bob@here.example")]);
  assert.match(none ?? "", /^deferred 421 4\.4\.1 Connection refused by 127\.0\.0\.1/);
});

test("a program that speaks LMTP on its pipes", async (t) => {
  const site = await temporarySite(t);
  const program = join(site.root, "lmtp.sh");
  writeFileSync(
    program,
    [
      "#!/bin/sh",
      "printf '220 x LMTP\\r\\n'",
      "while read -r line; do case $line in",
      "LHLO*) printf '250 x\\r\\n';;",
      "DATA*) printf '354 go\\r\\n'; while read -r line; do case $line in .?) break;; esac; done; printf '250 2.1.5 taken\\r\\n';;",
      "QUIT*) printf '221 bye\\r\\n'; exit 0;;",
      "*) printf '250 ok\\r\\n';;",
      "esac; done",
    ].join("\n"),
    { mode: 0o755 },
  );
  assert.deepEqual(await deliver(`${program} -l`, [local("bob@here.example")]), [
    "delivered 250 2.1.5 taken",
  ]);
});

test("a program that does not end is told to, and then made to", async (t) => {
  const site = await temporarySite(t);
  const program = join(site.root, "lmtp.sh");
  const pid = join(site.root, "pid");
  writeFileSync(
    program,
    `#!/bin/sh\ntrap '' TERM\necho $$ >${pid}\nprintf '421 no\\r\\n'\nwhile :; do sleep 0.1; done\n`,
    { mode: 0o755 },
  );
  const clock = new ManualClock();
  const [outcome] = await deliver(program, [local("bob@here.example")], clock);
  assert.match(outcome ?? "", /^deferred/);
  const child = Number(readFileSync(pid, "utf8"));
  const alive = () => {
    try {
      return process.kill(child, 0);
    } catch {
      return false;
    }
  };
  await until(() => clock.waiting === 2);
  await clock.advance(9000);
  assert.ok(alive());
  await clock.advance(1000);
  await until(() => !alive());
});

test("where the server is", () => {
  const read = (text: string) => readLmtpServer(text, (path) => path === "/run/lmtp");
  assert.deepEqual(read("/run/lmtp"), { kind: "socket", path: "/run/lmtp" });
  assert.deepEqual(read("/bin/mail.local -l"), { kind: "program", argv: ["/bin/mail.local", "-l"] });
  assert.deepEqual(read("box.example:24"), { kind: "port", host: "box.example", port: 24 });
  assert.deepEqual(read("[::1]:24"), { kind: "port", host: "::1", port: 24 });
  for (const bad of ["", "box.example", "box:0", "box:70000", "box:24 -l"])
    assert.equal(read(bad), undefined, bad);
});
