/** What RETR and TOP send in place of a message: surrogates (RFC 6856), and messages without MIME (X-MANGLE). */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { loggedIn } from "../harness/client.ts";
import { mboxText, startServer } from "../harness/server.ts";

const word = (text: string): string => `=?UTF-8?B?${Buffer.from(text).toString("base64")}?=`;
const NOBODY = "<invalid@internationalized-address.invalid>";

const MIXED = `From: a@b
Subject: mixed
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x"

preamble
--x
Content-Type: multipart/alternative; boundary=y

--y
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

caf=E9 =3D 1=
 line
.dot
>From me
--y
Content-Type: text/html

<p>caf&eacute; &lt;b&gt;<script>bad()</script></p>
--y--
--x
Content-Type: image/png; name="a.png"
Content-Transfer-Encoding: base64

AAAA
--x--
epilogue
`;

async function serverWith(t: Parameters<typeof startServer>[0], ...messages: (string | Buffer)[]) {
  const server = await startServer(t);
  const parts = messages.map((message, i) => {
    const text = typeof message === "string" ? Buffer.from(message) : message;
    return Buffer.concat([Buffer.from(mboxText("", i).replace(/\n\n$/, "\n")), text, Buffer.from("\n")]);
  });
  writeFileSync(server.mbox("wang"), Buffer.concat(parts));
  return server;
}

const bytesOf = (text: string): string => Buffer.from(text, "latin1").toString("utf8");

test("a client without UTF8 gets a surrogate, with its true size; with UTF8 the message as it is", async (t) => {
  const server = await serverWith(t, "From: 王 <王@例子.cn>\nSubject: 你好\n\n正文\nx\n");
  const client = await loggedIn(server.port);
  const { text, announced } = await client.retrieve(1);
  const header = `From: ${word("王 [王@例子.cn]")} ${NOBODY}\r\nSubject: ${word("你好")}\r\n\r\n`;
  assert.equal(bytesOf(text), `${header}正文\r\nx\r\n`);
  assert.equal(announced, text.length);
  assert.deepEqual((await client.list("TOP 1 1")).map(bytesOf), [
    ...header.split("\r\n").slice(0, -1),
    "正文",
  ]);
  await client.command("UTF8");
  const whole = await client.retrieve(1);
  assert.equal(bytesOf(whole.text), "From: 王 <王@例子.cn>\r\nSubject: 你好\r\n\r\n正文\r\nx\r\n");
  assert.equal(whole.announced, whole.text.length);
  assert.deepEqual(await client.list("LIST"), [`1 ${whole.announced}`]);
  await client.quit();
});

test("a large internationalised message has its surrogate, too", async (t) => {
  const body = "0123456789\n".repeat(500_000);
  const server = await serverWith(t, `From: 王@王.cn\n\n${body}`);
  const client = await loggedIn(server.port);
  const { text, announced } = await client.retrieve(1);
  assert.equal(text.length, announced);
  assert.ok(text.startsWith(`From: ${word("王@王.cn")} ${NOBODY}\r\n\r\n0123456789\r\n`));
  assert.ok(text.endsWith("0123456789\r\n"));
  await client.quit();
});

test("old 8-bit headers are sent byte for byte", async (t) => {
  const gbk = Buffer.from("From: \xcd\xf5 <w@b>\nSubject: \xc4\xe3\xba\xc3\n\nx\n", "latin1");
  const server = await serverWith(t, gbk, "Subject: 你好\nFrom: a@b\n\nx\n");
  const client = await loggedIn(server.port);
  assert.equal((await client.retrieve(1)).text, gbk.toString("latin1").replaceAll("\n", "\r\n"));
  assert.equal(bytesOf((await client.retrieve(2)).text), "Subject: 你好\r\nFrom: a@b\r\n\r\nx\r\n");
  await client.quit();
});

test("RETR n MANGLE sends one part of text and names what it leaves out", async (t) => {
  const server = await serverWith(t, MIXED);
  const client = await loggedIn(server.port);
  const type =
    "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n";
  const expected = `From: a@b\nSubject: mixed\n${type}\ncafé = 1 line\n.dot\nFrom me\n\n[a.png (image/png) left out: 4 octets]\n`;
  for (const order of ["MANGLE", "x-mangle(text=plain)", "mangle()"]) {
    const status = await client.command(`RETR 1 ${order}`);
    const text = (await client.rest()).map((line) => line.replace(/^\./, "")).join("\n");
    assert.equal(`${bytesOf(text)}\n`, expected);
    assert.equal(status, `+OK ${text.length + 2 + text.split("\n").length - 1} octets`);
  }
  assert.deepEqual((await client.list("TOP 1 1 MANGLE(HEADERS=SUBJECT:)")).map(bytesOf), [
    "Subject: mixed",
    ...type.trim().split("\n"),
    "",
    "café = 1 line",
  ]);
  assert.match((await client.list("RETR 1 MANGLE(TEXT=HTML)")).join("\n"), /^<p>caf&eacute;/m);
  await client.quit();
});

test("an order that does not follow the syntax is refused, and the session goes on", async (t) => {
  const server = await serverWith(t, MIXED);
  const client = await loggedIn(server.port);
  for (const word of ["foo", "MANGLE(", "MANGLE(TEXT=RTF)", "MANGLE(TEXT)", "MANGLE(HEADERS=é)"]) {
    assert.equal(await client.command(`RETR 1 ${word}`), "-ERR Syntax error in Mangle");
    assert.equal(await client.command(`TOP 1 0 ${word}`), "-ERR Syntax error in Mangle");
  }
  assert.equal(await client.command("RETR 1 MANGLE x"), "-ERR Too many arguments for the retr command.");
  await client.quit();
});

test("a message of ASCII text alone has no MIME left, and a message over 1 MiB goes out as it is", async (t) => {
  const plain = "Subject: p\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+aGk8L2I+\n";
  const large = `Subject: l\nContent-Type: text/plain\n\n${"0123456789\n".repeat(100_000)}`;
  const server = await serverWith(t, plain, large);
  const client = await loggedIn(server.port);
  assert.deepEqual(await client.list("RETR 1 MANGLE"), ["Subject: p", "", "hi"]);
  const lines = await client.list("RETR 2 MANGLE");
  assert.deepEqual(lines.slice(0, 3), ["Subject: l", "Content-Type: text/plain", ""]);
  assert.equal(lines.length, 100_003);
  await client.quit();
});

test("a login as NAME-no-mime gets every message without MIME; LIST keeps the stored sizes", async (t) => {
  const server = await serverWith(t, MIXED);
  const client = await loggedIn(server.port, "wang-no-mime");
  const lines = await client.list("RETR 1");
  assert.ok(lines.includes("[a.png (image/png) left out: 4 octets]"));
  assert.ok(!lines.some((line) => line.startsWith("--")));
  const plain = await client.list("LIST");
  await client.quit();
  const whole = await loggedIn(server.port, "wang");
  assert.deepEqual(await whole.list("LIST"), plain);
  assert.equal(`1 ${(await whole.retrieve(1)).announced}`, plain[0]);
  await whole.quit();
});
