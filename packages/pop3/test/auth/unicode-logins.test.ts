/** Names and passwords beyond ASCII (RFC 6856 section 2.2, RFC 5034 section 4): one form, and nothing that is no text. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import type { Account, Accounts } from "@mailhost/common/accounts/accounts";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { TestClient } from "../harness/client.ts";
import { startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/** Accounts whose passwords were stored as they stand here. */
function accountsOf(passwords: Readonly<Record<string, string>>): Accounts {
  const find = (name: string): Account | undefined =>
    Object.hasOwn(passwords, name) ? { name, source: "file" } : undefined;
  return {
    find,
    lookUp: (name) => Promise.resolve(find(name)),
    verify: (name, password) => Promise.resolve(passwords[name] === password ? find(name) : undefined),
    hasDomain: () => false,
    names: () => Object.keys(passwords),
  };
}

interface Site {
  readonly passwords?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

async function site(t: TestContext, { passwords = { wang: "x" }, secrets }: Site) {
  const clock = new ManualClock();
  const { port } = await startServer(t, {
    clock,
    accounts: accountsOf(passwords),
    ...(secrets === undefined ? {} : { secrets }),
  });
  /** What is said to the last of some lines, which are given in octets or as text. */
  return async (lines: (challenge: string) => readonly (string | Buffer)[]): Promise<string> => {
    const client = new TestClient(connect(port, "127.0.0.1"));
    const challenge = /<.*>$/.exec((await client.line()) ?? "")?.[0] ?? "";
    let answer: string | undefined;
    for (const line of lines(challenge)) {
      client.socket.write(Buffer.concat([Buffer.from(line as string), Buffer.from("\r\n")]));
      let done = false;
      void client.line().then((text) => {
        [answer, done] = [text, true];
      });
      await until(() => {
        if (!done) void clock.advance(500);
        return done;
      }, "an answer");
    }
    client.drop();
    return answer ?? "(closed)";
  };
}

const octets = (text: string) => Buffer.from(text, "latin1");
const WRONG = /^-ERR \[AUTH\] /;

test("a password is taken in any form of its letters, as it was stored too", async (t) => {
  const composed = "caf\u00e9";
  const apart = "cafe\u0301";
  const say = await site(t, { passwords: { wang: composed, chen: apart, li: "密 码" } });
  const pass = (user: string, password: string) => say(() => [`USER ${user}`, `PASS ${password}`]);
  assert.match(await pass("wang", composed), /^\+OK/);
  assert.match(await pass("wang", apart), /^\+OK/);
  assert.match(await pass("chen", apart), /^\+OK/, "stored unprepared, and sent so");
  assert.match(await pass("li", "密\u3000码"), /^\+OK/);
  assert.match(await pass("\uff57\uff41\uff4e\uff47", composed), /^\+OK/, "a name in full width");
  assert.match(await pass("wang", "cafe"), WRONG);
});

test("octets that are no UTF-8 are no name and no password, whatever is stored", async (t) => {
  const say = await site(t, { passwords: { wang: "a\ufffdb", "a\ufffdb": "x", "": "x" } });
  assert.match(await say(() => ["USER wang", octets("PASS a\xffb")]), WRONG);
  assert.match(await say(() => ["USER wang", "PASS a\ufffdb"]), WRONG);
  assert.match(await say(() => [octets("USER a\xffb"), "PASS x"]), WRONG);
  for (const bad of ["\u202e", "\ue000", "\u0085", "\u007f"]) {
    const password = `a${bad}b`;
    const other = await site(t, { passwords: { wang: password } });
    assert.match(await other(() => ["USER wang", `PASS ${password}`]), WRONG, JSON.stringify(bad));
  }
});

test("APOP: the secret counts as it is stored and prepared, the name prepared", async (t) => {
  const stored = "cafe\u0301";
  const say = await site(t, { secrets: { wang: stored } });
  const apop = (name: string, secret: string) =>
    say((challenge) => [`APOP ${name} ${createHash("md5").update(challenge).update(secret).digest("hex")}`]);
  assert.match(await apop("wang", "caf\u00e9"), /^\+OK/);
  assert.match(await apop("wang", stored), /^\+OK/);
  assert.match(await apop("\uff57ang", stored), /^\+OK/);
  assert.match(await apop("wang", "cafe"), WRONG);
  assert.match(await apop("w\u202eang", stored), WRONG);
});

test("AUTH PLAIN: whom to act as is prepared, and what is nobody is refused", async (t) => {
  const say = await site(t, { passwords: { wang: "x" } });
  const plain = (authorization: string) =>
    say(() => [`AUTH PLAIN ${Buffer.from(`${authorization}\0wang\0x`).toString("base64")}`]);
  assert.match(await plain("\uff57ang"), /^\+OK/);
  assert.match(await plain("\u00ad"), WRONG, "empty once it is prepared");
  assert.match(await plain("\u202ewang"), WRONG);
});

test("AUTH PLAIN: names of 255 octets and a password of 1,024 are read, which no command could hold", async (t) => {
  const name = "n".repeat(255);
  const password = "密".repeat(341);
  const say = await site(t, { passwords: { [name]: password } });
  const response = Buffer.from(`${name}\0${name}\0${password}`).toString("base64");
  // The account is let in; a mailbox of such a name can not be opened, and that is another matter.
  const answer = await say(() => ["AUTH PLAIN", response]);
  assert.match(answer, /^(\+OK|-ERR \[SYS\/(PERM|TEMP)\]) /);
});
