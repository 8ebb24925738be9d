/** APOP, AUTH, and who may log in how. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Account, Accounts } from "@mailhost/common/accounts/accounts";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { certificate } from "../harness/certificate.ts";
import { connected, TestClient } from "../harness/client.ts";
import { PASSWORD, type ServerOptions, startServer, writeMbox } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const SECRET = "shared secret";
const secrets = { wang: SECRET };
const base64 = (text: string) => Buffer.from(text).toString("base64");
const md5 = (text: string) => createHash("md5").update(text).digest("hex");
const hmac = (secret: string, text: string) => createHmac("md5", secret).update(text).digest("hex");

/** A server whose refusals take no time, and which follows what is said. */
async function server(t: TestContext, options: ServerOptions = {}) {
  const clock = new ManualClock();
  const started = await startServer(t, { clock, ...options });
  writeMbox(started.mbox("wang"), ["Subject: one\n\nfirst\n"]);
  /** Sends a line and takes the answer, moving the clock past the delay of a refusal. */
  const say = async (client: TestClient, line: string): Promise<string> => {
    client.send(`${line}\r\n`);
    let answer: string | undefined;
    let done = false;
    void client.line().then((text) => {
      [answer, done] = [text, true];
    });
    await until(() => {
      if (!done) void clock.advance(500);
      return done;
    }, `an answer to ${line}`);
    return answer ?? "(closed)";
  };
  return { ...started, clock, say };
}

/** Connects and takes the challenge out of the greeting. */
async function challenged(
  port: number,
): Promise<{ client: TestClient; greeting: string; challenge: string }> {
  const client = new TestClient(connect(port, "127.0.0.1"));
  const greeting = (await client.line()) ?? "";
  return { client, greeting, challenge: /<.*>$/.exec(greeting)?.[0] ?? "" };
}

test("the greeting has a challenge where there is a database of secrets, and only there", async (t) => {
  const without = await server(t);
  const { client, greeting } = await challenged(without.port);
  assert.equal(greeting, "+OK mailhost POP3 server at mail.test starting.");
  assert.equal(await without.say(client, `APOP wang ${md5(SECRET)}`), '-ERR Unknown command: "apop".');
  client.drop();

  const withSecrets = await server(t, { secrets });
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const one = await challenged(withSecrets.port);
    assert.match(
      one.greeting,
      /^\+OK mailhost POP3 server at mail\.test starting\. {2}<\d+\.\d+\.[0-9a-f]{32}@mail\.test>$/,
    );
    seen.add(one.challenge);
    one.client.drop();
  }
  assert.equal(seen.size, 20);

  const shy = await server(t, { secrets, settings: "pop3: { shy: true }\n" });
  const quiet = await challenged(shy.port);
  assert.match(quiet.greeting, /^\+OK ready {2}<\d+\.\d+\.[0-9a-f]{32}@localhost>$/);
  quiet.client.drop();
});

test("APOP logs in with the right digest of this challenge, and a failure ends the session", async (t) => {
  const { port, say, logged, recorded } = await server(t, { secrets, users: ["wang", "chen"] });
  const first = await challenged(port);
  assert.equal(
    await say(first.client, `apop WANG@linuxaid.com.cn ${md5(first.challenge + SECRET)}`),
    "+OK wang has 1 visible message (0 hidden) in 23 octets.",
  );
  assert.equal(await say(first.client, "STAT"), "+OK 1 23");
  await first.client.quit();
  assert.ok(logged.includes('info apop "wang"'));
  assert.deepEqual(recorded, ["127.0.0.1 wang"]);

  // A digest that was read on the way is of no use: the next session has another challenge.
  const { client, challenge } = await challenged(port);
  const wrong: [string, string][] = [
    ["wang", md5(first.challenge + SECRET)],
    ["wang", md5(`${challenge}other`)],
    ["wang", SECRET],
    ["chen", md5(challenge)],
    ["nobody", md5(challenge)],
  ];
  client.drop();
  const answers = new Set<string>();
  for (const [name, digest] of wrong) {
    const one = await challenged(port);
    const said = digest === SECRET ? "APOP wang short" : `APOP ${name} ${digest}`;
    answers.add(await say(one.client, said));
    assert.equal(await one.client.line(), undefined, "the session is over");
  }
  assert.deepEqual([...answers], ["-ERR [AUTH] authentication failure"]);
  assert.ok(
    logged.some((line) =>
      line.endsWith("[AUTH] Failed attempted login to nobody from host (127.0.0.1) 127.0.0.1 by APOP"),
    ),
  );
});

test("the pause after a failure is the same for somebody who is not there", async (t) => {
  const { port, clock, logged } = await server(t, { secrets });
  for (const [i, name] of ["wang", "nobody"].entries()) {
    const { client } = await challenged(port);
    client.send(`APOP ${name} ${md5("x")}\r\n`);
    await until(() => logged.some((line) => line.includes(`login to ${name} `)), `the failure of ${name}`);
    let answered = false;
    void client.line().then(() => {
      answered = true;
    });
    await clock.advance(1000 * 2 ** i - 1);
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
    assert.equal(answered, false, name);
    await clock.advance(1);
    await until(() => answered, `the answer for ${name}`);
    assert.equal(await client.line(), undefined);
  }
});

test("AUTH alone lists what could succeed; CAPA says the same", async (t) => {
  const lists = async (options: ServerOptions, from = "127.0.0.1") => {
    const { port } = await server(t, options);
    const client = await connected(port, from);
    const listed = await client.list("AUTH");
    const capa = await client.list("CAPA");
    assert.equal(capa.find((line) => line.startsWith("SASL")) ?? "SASL", ["SASL", ...listed].join(" "));
    assert.equal(capa.includes("USER"), listed.includes("PLAIN"));
    client.drop();
    return listed.join(" ");
  };
  assert.equal(await lists({}), "PLAIN LOGIN");
  assert.equal(await lists({ secrets: {} }), "PLAIN LOGIN");
  assert.equal(await lists({ secrets }), "CRAM-MD5 PLAIN LOGIN");
  for (const policy of ["never", "tls"]) {
    const settings = `pop3: { clearTextPassword: ${policy} }\n`;
    assert.equal(await lists({ secrets, settings }), "CRAM-MD5");
    assert.equal(await lists({ settings }), "");
  }
  const local = { secrets, settings: "pop3: { clearTextPassword: local }\n" };
  assert.equal(await lists(local), "CRAM-MD5 PLAIN LOGIN");
  assert.equal(await lists(local, "127.0.0.9"), "CRAM-MD5");
});

test("AUTH PLAIN, LOGIN and CRAM-MD5 log in, with and without an initial response", async (t) => {
  const { port, say } = await server(t, { users: ["wang", "chen"], secrets: { chen: SECRET } });
  const plain = base64(`\0wang\0${PASSWORD}`);
  const cram = (challenge: string) =>
    base64(`chen ${hmac(SECRET, Buffer.from(challenge, "base64").toString())}`);
  const ways: ((client: TestClient) => Promise<string>)[] = [
    (client) => say(client, `AUTH PLAIN ${plain}`),
    (client) => say(client, `auth plain ${base64(`wang\0wang@linuxaid.com.cn\0${PASSWORD}`)}`),
    async (client) => {
      assert.equal(await say(client, "AUTH PLAIN"), "+ ");
      return say(client, plain);
    },
    async (client) => {
      assert.equal(await say(client, "AUTH LOGIN"), `+ ${base64("Username:")}`);
      assert.equal(await say(client, base64("wang")), `+ ${base64("Password:")}`);
      return say(client, base64(PASSWORD));
    },
    async (client) => {
      assert.equal(await say(client, `AUTH LOGIN ${base64("wang")}`), `+ ${base64("Password:")}`);
      return say(client, base64(PASSWORD));
    },
    async (client) => say(client, cram((await say(client, "AUTH CRAM-MD5")).slice(2))),
  ];
  for (const way of ways) {
    const client = await connected(port);
    assert.match(await way(client), /^\+OK (wang|chen) has /);
    assert.equal(await say(client, `AUTH PLAIN ${plain}`), '-ERR Unknown command: "auth".');
    await client.quit();
  }
  // All in one packet: what follows the exchange is a command.
  const client = await connected(port);
  client.send(`AUTH PLAIN\r\n${plain}\r\nSTAT\r\nQUIT\r\n`);
  const lines = [await client.line(), await client.line(), await client.line(), await client.line()];
  assert.deepEqual(
    lines.map((line) => line?.slice(0, 4)),
    ["+ ", "+OK ", "+OK ", "+OK "],
  );
});

test("AUTH: what is cancelled, malformed or too long leaves the session where it was", async (t) => {
  const { port, say } = await server(t, { secrets });
  const client = await connected(port);
  const cases: [lines: string[], answer: string][] = [
    [["AUTH GSSAPI"], "-ERR Unknown authentication mechanism: GSSAPI"],
    [["AUTH PLAIN", "*"], "-ERR Authentication cancelled."],
    [["AUTH LOGIN", base64("wang"), "*"], "-ERR Authentication cancelled."],
    [["AUTH CRAM-MD5", "*"], "-ERR Authentication cancelled."],
    [["AUTH PLAIN ="], "-ERR Not a response of this mechanism: expected two NUL"],
    [["AUTH PLAIN", ""], "-ERR Not a response of this mechanism: expected two NUL"],
    [["AUTH PLAIN A"], "-ERR Not base64."],
    [["AUTH PLAIN", "****"], "-ERR Not base64."],
    [["AUTH PLAIN", `${base64(`\0wang\0${PASSWORD}`)} `], "-ERR Not base64."],
    [["AUTH PLAIN", "A".repeat(4096)], "-ERR Line too long."],
    [["AUTH PLAIN", "A".repeat(200_000)], "-ERR Line too long."],
    [[`AUTH PLAIN ${"A".repeat(600)}`], "-ERR Line too long."],
    [["AUTH CRAM-MD5 ="], "-ERR Not a response of this mechanism: this mechanism has no initial response"],
    [
      ["AUTH CRAM-MD5", base64("wang")],
      "-ERR Not a response of this mechanism: expected a name and a digest",
    ],
    [["AUTH PLAIN x y"], "-ERR Too many arguments for the auth command."],
  ];
  for (const [lines, answer] of cases) {
    let last = "";
    for (const line of lines) last = await say(client, line);
    assert.equal(last, answer, lines[0]);
  }
  assert.equal(await say(client, "PASS x"), "-ERR Say USER first.");
  client.drop();
});

test("AUTH failures are answered alike, counted with those of PASS, and named in the log", async (t) => {
  const { port, say, logged } = await server(t, { secrets, users: ["wang", "chen"] });
  const client = await connected(port);
  const failure = "-ERR [AUTH] authentication failure";
  assert.equal(await say(client, `AUTH PLAIN ${base64("\0chen\0wrong")}`), failure);
  assert.equal(await say(client, `AUTH PLAIN ${base64("\0nobody\0wrong")}`), failure);
  // To act as somebody else is nobody's right here.
  assert.equal(await say(client, `AUTH PLAIN ${base64(`wang\0chen\0${PASSWORD}`)}`), failure);
  await say(client, "AUTH CRAM-MD5");
  assert.equal(await say(client, base64(`chen ${hmac("", "x")}`)), failure);
  await say(client, "USER chen");
  assert.equal(await say(client, "PASS wrong"), '-ERR [AUTH] Password supplied for "chen" is incorrect.');
  assert.equal(await client.line(), undefined, "the fifth failure ends the session");
  const failed = logged.filter((line) => line.includes("Failed attempted login"));
  assert.deepEqual(
    failed.map((line) => line.replace(/^.*login to /, "")),
    [
      "chen from host (127.0.0.1) 127.0.0.1 by PLAIN",
      "nobody from host (127.0.0.1) 127.0.0.1 by PLAIN",
      "chen from host (127.0.0.1) 127.0.0.1 by PLAIN",
      "chen from host (127.0.0.1) 127.0.0.1 by CRAM-MD5",
      "chen from host (127.0.0.1) 127.0.0.1",
    ],
  );
  assert.doesNotMatch(logged.join("\n"), new RegExp(`${SECRET}|${PASSWORD}`));
});

test("a CRAM-MD5 response to an older challenge is worth nothing", async (t) => {
  const { port, say } = await server(t, { secrets });
  const client = await connected(port);
  const challenge = Buffer.from((await say(client, "AUTH CRAM-MD5")).slice(2), "base64").toString();
  await say(client, "*");
  const response = base64(`wang ${hmac(SECRET, challenge)}`);
  assert.notEqual(await say(client, "AUTH CRAM-MD5"), `+ ${base64(challenge)}`);
  assert.equal(await say(client, response), "-ERR [AUTH] authentication failure");
  client.drop();
});

test("whoever has a secret must not send a password, and only the owner of the password is told", async (t) => {
  const { port, say, logged } = await server(t, { secrets });
  const client = await connected(port);
  const stronger =
    "-ERR [AUTH] You must use stronger authentication such as AUTH or APOP to connect to this server";
  assert.match(await say(client, "USER wang"), /^\+OK/);
  assert.equal(await say(client, `PASS ${PASSWORD}`), stronger);
  assert.equal(await say(client, `AUTH PLAIN ${base64(`\0wang\0${PASSWORD}`)}`), stronger);
  await say(client, "USER wang");
  assert.equal(await say(client, "PASS wrong"), '-ERR [AUTH] Password supplied for "wang" is incorrect.');
  client.drop();
  assert.ok(logged.some((line) => line.includes('[AUTH] "wang": access denied: has an APOP secret')));
  const lax = await server(t, { secrets, settings: "pop3: { clearTextPassword: always }\n" });
  const other = await connected(lax.port);
  await lax.say(other, "USER wang");
  assert.match(await lax.say(other, `PASS ${PASSWORD}`), /^\+OK wang has/);
  await other.quit();
});

test("clearTextPassword: Qpopper's refusals, before any name is looked at", async (t) => {
  const stronger = "-ERR [AUTH] You must use stronger authentication such as APOP to connect to this server";
  const tls =
    "-ERR [AUTH] You must use TLS/SSL or stronger authentication such as APOP to connect to this server";
  for (const [policy, from, answer] of [
    ["never", "127.0.0.1", stronger],
    ["local", "127.0.0.9", stronger],
    ["tls", "127.0.0.1", tls],
  ] as const) {
    const { port, say } = await server(t, { settings: `pop3: { clearTextPassword: ${policy} }\n` });
    const client = await connected(port, from);
    for (const command of [
      "USER wang",
      "USER nobody",
      `AUTH PLAIN ${base64(`\0wang\0${PASSWORD}`)}`,
      "AUTH LOGIN",
    ]) {
      assert.equal(await say(client, command), answer, `${policy}: ${command}`);
    }
    assert.match(await say(client, `PASS ${PASSWORD}`), /^-ERR/);
    client.drop();
  }
});

test("under default, with a certificate, a password from outside needs TLS; secrets are named where there are some", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  for (const [options, answer] of [
    [{ tls }, /^-ERR \[AUTH\] You must use TLS\/SSL to send a password.*say STLS/],
    [{ tls, secrets }, /^-ERR \[AUTH\] You must use TLS\/SSL or stronger authentication such as APOP/],
  ] as const) {
    const { port, say } = await server(t, options);
    const client = await connected(port, "127.0.0.9");
    assert.match(await say(client, "USER wang"), answer);
    assert.match(await say(client, `AUTH PLAIN ${base64(`\0wang\0${PASSWORD}`)}`), answer);
    client.drop();
  }
});

test("a database of wrong mode or damaged lets nobody in, by name of what is wrong", async (t) => {
  const { site, port, say, logged } = await server(t, { secrets, users: ["wang", "chen"] });
  chmodSync(site.popauthFile, 0o644);
  const mode = "-ERR [SYS/PERM] POP authentication DB has wrong mode (0644)";
  const wrongMode = await challenged(port);
  await say(wrongMode.client, "USER chen");
  assert.equal(await say(wrongMode.client, `PASS ${PASSWORD}`), mode);
  assert.equal(await say(wrongMode.client, `AUTH PLAIN ${base64(`\0chen\0${PASSWORD}`)}`), mode);
  assert.equal(await say(wrongMode.client, `APOP wang ${md5(wrongMode.challenge + SECRET)}`), mode);
  assert.equal(await wrongMode.client.line(), undefined);
  assert.ok(logged.some((line) => /^error .*popauth\.db: has wrong mode \(0644\)/.test(line)));
  chmodSync(site.popauthFile, 0o600);
  const right = await challenged(port);
  assert.match(await say(right.client, `APOP wang ${md5(right.challenge + SECRET)}`), /^\+OK/);
  await right.client.quit();
  const damaged = await server(t, { users: ["wang"] });
  mkdirSync(damaged.site.etcMail, { recursive: true });
  writeFileSync(damaged.site.popauthFile, "rubbish", { mode: 0o600 });
  const broken = await challenged(damaged.port);
  await damaged.say(broken.client, "USER wang");
  const answer = "-ERR [SYS/TEMP] POP authentication DB not available";
  assert.equal(await damaged.say(broken.client, `PASS ${PASSWORD}`), answer);
  broken.client.drop();
});

test("auth-file and nonauth-file are followed, and told to nobody without the password", async (t) => {
  const { site, port, say } = await server(t, {
    users: ["wang", "chen"],
    settings: "pop3: { authFile: allowed, nonauthFile: denied }\n",
  });
  const pass = async (user: string, password = PASSWORD) => {
    const client = await connected(port);
    await say(client, `USER ${user}`);
    const answer = await say(client, `PASS ${password}`);
    if (answer.startsWith("+OK")) await client.quit();
    else client.drop();
    return answer;
  };
  const write = (file: string, text: string) => {
    writeFileSync(join(site.root, `${file}.new`), text);
    renameSync(join(site.root, `${file}.new`), join(site.root, file));
  };
  const denied = (user: string) => `-ERR [AUTH] "${user}": access denied.`;
  assert.equal(await pass("wang"), denied("wang"), "a file that is not there lets nobody in");
  write("allowed", "# may\nWang\n");
  write("denied", "root\n");
  assert.match(await pass("wang"), /^\+OK/);
  assert.equal(await pass("chen"), denied("chen"));
  assert.equal(await pass("chen", "x"), '-ERR [AUTH] Password supplied for "chen" is incorrect.');
  write("allowed", "wang\nchen # too\n");
  write("denied", "wang\n");
  assert.match(await pass("chen"), /^\+OK/);
  assert.equal(await pass("wang"), denied("wang"));
  rmSync(join(site.root, "denied"));
  assert.equal(await pass("chen"), denied("chen"));
});

/** Accounts of which some are the system's. */
function mixedAccounts(all: readonly Account[]): Accounts {
  const find = (name: string) => all.find((account) => account.name === name.toLowerCase());
  return {
    find,
    lookUp: (name) => Promise.resolve(find(name)),
    verify: (name, password) => Promise.resolve(password === PASSWORD ? find(name) : undefined),
    hasDomain: () => false,
    names: () => all.map(({ name }) => name),
  };
}

test("system accounts with low user ids are kept out; others with such a name are not", async (t) => {
  const accounts = mixedAccounts([
    { name: "bin", source: "system", uid: 10 },
    { name: "wang", source: "system", uid: 11 },
    { name: "root", source: "file", uid: 0 },
  ]);
  const { port, say } = await server(t, { accounts, secrets: { bin: SECRET } });
  const first = await challenged(port);
  assert.equal(
    await say(first.client, `APOP bin ${md5(first.challenge + SECRET)}`),
    "-ERR [AUTH] Access is blocked for UIDs below 10",
  );
  const second = await connected(port);
  for (const user of ["wang", "root"]) {
    const client = user === "wang" ? second : await connected(port);
    await say(client, `USER ${user}`);
    assert.match(await say(client, `PASS ${PASSWORD}`), /^\+OK/);
    await client.quit();
  }
});

test("names: any case, our domains, all domains with trimDomain, and -no-mime", async (t) => {
  const login = async (options: ServerOptions, user: string) => {
    const { port, say } = await server(t, { users: ["wang", "li-no-mime"], ...options });
    const client = await connected(port);
    await say(client, `USER ${user}`);
    const answer = await say(client, `PASS ${PASSWORD}`);
    client.drop();
    return answer.split(" ").slice(0, 2).join(" ");
  };
  assert.equal(await login({}, "WANG"), "+OK wang");
  assert.equal(await login({}, "Wang@Mail.Test"), "+OK wang");
  assert.equal(await login({}, "wang@example.net"), "-ERR [AUTH]");
  assert.equal(await login({ settings: "pop3: { trimDomain: true }\n" }, "wang@example.net"), "+OK wang");
  assert.equal(await login({}, "wang-no-mime"), "+OK wang");
  assert.equal(await login({}, "wang-no-mime@mail.test"), "+OK wang");
  assert.equal(await login({}, "li-no-mime"), "+OK li-no-mime");
  assert.equal(await login({}, "-no-mime"), "-ERR [AUTH]");
  assert.equal(await login({ settings: "pop3: { noMime: false }\n" }, "wang-no-mime"), "-ERR [AUTH]");
});
