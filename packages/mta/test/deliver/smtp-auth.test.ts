/** Logging in at a real server (smtp-server), with and without TLS; what is found in which table. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { parseSettings } from "@mailhost/common/settings/load";
import type { Table } from "@mailhost/common/tables/table";
import { SMTPServer, type SMTPServerAuthentication } from "smtp-server";
import { findAuthInfo, readAuthInfo } from "../../src/deliver/auth-info.ts";
import type { AuthInfo } from "../../src/deliver/smtp-auth.ts";
import { openSmtpConnection } from "../../src/deliver/smtp-connection.ts";
import { SmtpFault } from "../../src/deliver/smtp-fault.ts";
import { smtpTimeouts } from "../../src/deliver/smtp-timeouts.ts";
import { listLog } from "../queue/queue-samples.ts";
import { selfSigned } from "./fake-peer.ts";

const SECRET = "s3cret pass";
const INFO: AuthInfo = { user: "wang", authId: "wang", password: SECRET };

interface Server {
  readonly methods: string[];
  readonly tls?: boolean;
  /** Mechanisms that were used. */
  readonly used: string[];
}

async function connect(
  t: TestContext,
  server: Server,
  info: AuthInfo | undefined,
  allowPlaintextAuth = false,
) {
  const hidden = server.tls === true ? [] : ["STARTTLS"];
  const smtp = new SMTPServer({
    ...selfSigned(),
    authMethods: server.methods,
    authOptional: true,
    allowInsecureAuth: server.tls !== true,
    disabledCommands: hidden,
    onAuth(auth, _session, done) {
      server.used.push(auth.method);
      if (auth.username === "wang" && proves(auth)) done(null, { user: "wang" });
      else done(new Error("wrong name or password"));
    },
  });
  const listening = smtp.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  const log = listLog();
  const settings = parseSettings("hostname: here.example\n", "mailhost.yaml");
  t.after(() => new Promise<void>((done) => smtp.close(() => done())));
  const connection = openSmtpConnection(
    { name: "smart.example", address: "127.0.0.1", port },
    {
      hostname: "here.example",
      startTls: true,
      timeouts: smtpTimeouts(settings),
      authInfo: () => info,
      allowPlaintextAuth,
      clock: systemClock,
      log,
    },
  );
  return { connection, log };
}

function proves(auth: SMTPServerAuthentication): boolean {
  if (auth.method !== "CRAM-MD5") return auth.password === SECRET;
  return auth.validatePassword(SECRET);
}

async function outcome(t: TestContext, server: Omit<Server, "used">, info?: AuthInfo, plain = false) {
  const used: string[] = [];
  const { connection, log } = await connect(t, { ...server, used }, info, plain);
  try {
    await (await connection).quit();
    return { used, log: log.lines.join("\n"), fault: "" };
  } catch (error) {
    assert.ok(error instanceof SmtpFault, String(error));
    assert.equal(error.permanent, false);
    assert.ok(error.concernsHost);
    assert.ok(!JSON.stringify([error.reply, error.transcript]).includes(SECRET));
    return { used, log: log.lines.join("\n"), fault: error.reply.text };
  }
}

test("each mechanism works, under TLS and where it may without", async (t) => {
  for (const method of ["PLAIN", "LOGIN", "CRAM-MD5"]) {
    const secure = await outcome(t, { methods: [method], tls: true }, INFO);
    assert.deepEqual([secure.used, secure.fault], [[method], ""]);
    assert.match(
      secure.log,
      new RegExp(`AUTH=client, relay=smart\\.example\\. \\[127\\.0\\.0\\.1\\], mech=${method}, bits=0`),
    );
    assert.ok(!secure.log.includes(SECRET) && !secure.log.includes(Buffer.from(SECRET).toString("base64")));
  }
  assert.deepEqual((await outcome(t, { methods: ["CRAM-MD5", "PLAIN"] }, INFO)).used, ["CRAM-MD5"]);
  assert.deepEqual((await outcome(t, { methods: ["PLAIN"] }, INFO, true)).used, ["PLAIN"]);
});

test("a password is not shown without TLS", async (t) => {
  const { used, fault } = await outcome(t, { methods: ["PLAIN", "LOGIN"] }, INFO);
  assert.deepEqual(used, []);
  assert.match(
    fault,
    /smart\.example\. takes passwords \(AUTH PLAIN LOGIN\) without TLS; set relay\.allowPlaintextAuth/,
  );
});

test("the entry's mechanisms and wrong passwords put the mail off with clear words", async (t) => {
  const login = await outcome(
    t,
    { methods: ["PLAIN", "LOGIN"], tls: true },
    { ...INFO, mechanisms: ["LOGIN"] },
  );
  assert.deepEqual(login.used, ["LOGIN"]);
  const none = await outcome(t, { methods: ["PLAIN"], tls: true }, { ...INFO, mechanisms: ["CRAM-MD5"] });
  assert.match(none.fault, /no common AUTH mechanism with smart\.example\., which offers PLAIN/);
  const wrong = await outcome(t, { methods: ["PLAIN"], tls: true }, { ...INFO, password: "no" });
  assert.match(
    wrong.fault,
    /AUTH PLAIN as wang was refused by smart\.example\.: 535 .*wrong name or password/,
  );
});

test("without an entry nobody logs in", async (t) => {
  assert.deepEqual((await outcome(t, { methods: ["PLAIN"], tls: true })).used, []);
});

test("CRAM-MD5 is RFC 2195's", () => {
  const digest = createHmac("md5", "tanstaaftanstaaf")
    .update("<1896.697170952@postoffice.reston.mci.net>")
    .digest("hex");
  assert.equal(digest, "b913a602c7eda7a495b4e6e7334d3890");
});

test("entries are read as cf/README has them", () => {
  assert.deepEqual(readAuthInfo('"U:user" "I:id" "P:pass word" "R:realm" "M:PLAIN login"'), {
    user: "user",
    authId: "id",
    password: "pass word",
    mechanisms: ["PLAIN", "LOGIN"],
  });
  assert.deepEqual(readAuthInfo('"I=d2FuZw==" "P=czNjcmV0"'), {
    user: "wang",
    authId: "wang",
    password: "s3cret",
  });
  assert.equal(readAuthInfo('"U:user"'), undefined);
});

test("authinfo before access; name, address, default; in access the domains above and networks around too", () => {
  const tableOf = (entries: Record<string, string>): Table => ({
    file: "x",
    get: (key) => (entries[key] === undefined ? undefined : `"U:${entries[key]}" "P:x"`),
    entries: () => [],
  });
  const peer = { name: "Mx.Isp.Example", address: "192.0.2.7", port: 25 };
  const found = (authinfo: Record<string, string>, access: Record<string, string> = {}) =>
    findAuthInfo(peer, { authinfo: tableOf(authinfo), access: tableOf(access) })?.user;
  assert.equal(found({ "authinfo:mx.isp.example": "a", "authinfo:192.0.2.7": "b", "authinfo:": "c" }), "a");
  assert.equal(found({ "authinfo:192.0.2.7": "b", "authinfo:": "c" }), "b");
  assert.equal(found({ "authinfo:": "c" }, { "authinfo:mx.isp.example": "d" }), "c");
  assert.equal(found({ "authinfo:isp.example": "a" }), undefined);
  assert.equal(found({}, { "authinfo:isp.example": "d" }), "d");
  assert.equal(found({}, { "authinfo:192.0.2": "e" }), "e");
  assert.equal(found({}, { "isp.example": "bare", "mx.isp.example": "bare" }), undefined);
});
