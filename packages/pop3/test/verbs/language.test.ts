/** LANG and UTF8 (RFC 6856) as they read on the wire. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGLISH } from "../../src/texts/english.ts";
import { LANGUAGES, languageFor } from "../../src/texts/languages.ts";
import { connected, dialogue } from "../harness/client.ts";
import { PASSWORD, startServer } from "../harness/server.ts";

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

test("LANG lists the languages, changes the replies, and keeps the last one after a failure", async (t) => {
  const server = await startServer(t);
  await dialogue(
    server.port,
    utf8(`
    S: +OK mailhost POP3 server at mail.test starting.
    C: LANG
    S: +OK Language listing follows:
    S: en English
    S: zh 中文
    S: .
    C: LANG uga
    S: -ERR en Unknown language: uga
    C: LANG zh
    S: +OK zh 现在用中文回复。
    C: NOOP
    S: -ERR 未知命令:"noop"。
    C: LANG uga
    S: -ERR zh 未知语言:uga
    C: USER wang
    S: +OK 请输入 wang 的密码。
    C: PASS ${PASSWORD}
    S: +OK wang 有 0 封可见邮件(0 封隐藏),共 0 字节。
    C: NOOP
    S: +OK 没什么大不了的
    C: LANG
    S: +OK 以下是语言列表:
    S: en English
    S: zh 中文
    S: .
    C: LANG EN
    S: +OK en Replies are in English now.
    C: LANG *
    S: +OK en Replies are in English now.
    C: LANG zh-CN
    S: +OK zh 现在用中文回复。
    C: LANG a b
    S: -ERR lang 命令的参数太多。
    C: QUIT
    S: +OK mail.test 上的 POP 服务器再见。
    `),
  );
});

test("replies are in ASCII until LANG asks for another language", () => {
  for (const text of Object.values(ENGLISH)) {
    const said = typeof text === "function" ? (text as (...args: unknown[]) => string)("1", 2, 3) : text;
    assert.match(said, /^[ -~]+$/);
  }
});

test("every language has every text, none empty", () => {
  for (const { texts } of LANGUAGES) {
    for (const [name, text] of Object.entries(texts)) {
      const said = typeof text === "function" ? (text as (...args: unknown[]) => string)("1", 2, 3) : text;
      assert.ok(said.length > 0 && Buffer.byteLength(said) < 400, name);
    }
  }
});

test("a language range finds the nearest language (RFC 4647)", () => {
  for (const [range, tag] of [
    ["zh-Hans-CN", "zh"],
    ["ZH", "zh"],
    ["en-GB", "en"],
    ["i-default", "en"],
    ["*", "en"],
    ["z", undefined],
    ["zh_CN", undefined],
    ["", undefined],
    ["-zh", undefined],
    ["x".repeat(100), undefined],
  ] as const) {
    assert.equal(languageFor(range)?.tag, tag, range);
  }
});

test("UTF8 is said before the login, and again after it", async (t) => {
  const server = await startServer(t);
  await dialogue(
    server.port,
    `
    S: +OK …
    C: UTF8 now
    S: -ERR Too many arguments for the utf8 command.
    C: UTF8
    S: +OK UTF-8 mode is on.
    C: USER wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK …
    C: utf8
    S: +OK UTF-8 mode is on.
    C: QUIT
    S: +OK …
    `,
  );
});

test("replies in Chinese are cut between characters, within 512 octets", async (t) => {
  const server = await startServer(t);
  const client = await connected(server.port);
  await client.command("LANG zh");
  const reply = await client.command(`USER ${utf8("王".repeat(160))}`);
  assert.ok(reply.length <= 510);
  const text = Buffer.from(reply, "latin1").toString("utf8");
  assert.doesNotMatch(text, /\ufffd/);
  client.drop();
});
