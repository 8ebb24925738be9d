/** The commands: what they print, what they send, and the codes they end with. */
import { type Case, type SiteCases, TOKEN } from "../cases.ts";
import { ACCESS, tables } from "./tables.ts";

const MESSAGE = `From: root
To: alice
Subject: side by side
Message-ID: <${TOKEN}@here>
Date: Mon, 4 Jun 2001 09:00:00 +0800

text
`;

const run = (name: string, command: readonly [string, ...string[]], input = ""): Case => ({
  name,
  command,
  input,
});
const send = (args: readonly string[], input = MESSAGE): Case =>
  run(`sendmail ${args.join(" ")}`, ["sendmail", ...args], input);

const cases: Case[] = [
  ...[
    "alice",
    "staff",
    "outside",
    "nobody-here",
    "alice@linuxaid.com.cn",
    "x@example.com",
    "x@no-such.example",
    "info@virtual.example",
    "gone@virtual.example",
    "x@table.example",
    "file",
    "prog",
    "postmaster",
    "alice+detail",
    "@@",
    "a@b@c",
    "moved",
  ].map((address) => run(`sendmail -bv ${address}`, ["sendmail", "-bv", address])),
  run("sendmail -bv of two", ["sendmail", "-bv", "alice", "nobody-here"]),
  send(["alice"]),
  send(["-i", "alice"], MESSAGE.replace("text", "text\n.\nmore")),
  send(["alice"], MESSAGE.replace("text", "text\n.\nmore")),
  send(["-oi", "alice"]),
  send(["-t"]),
  send(["-t", "-i"], MESSAGE.replace("To: alice", "To: alice\nCc: bob\nBcc: carol")),
  send(["-t"], MESSAGE.replace("To: alice\n", "")),
  send(["-t", "bob"], MESSAGE.replace("To: alice", "To: alice, bob")),
  send(["-f", "sender@example.com", "alice"]),
  send(["-fsender@example.com", "alice"]),
  send(["-f", "<>", "alice"]),
  send(["-f", "bob", "-F", "Bob Miller", "alice"]),
  send(["-F", "Bob Miller", "alice"], MESSAGE.replace("From: root\n", "")),
  send(["-r", "sender@example.com", "alice"]),
  send(["alice", "bob"]),
  send(["alice,bob"]),
  send(["x@example.com"]),
  send(["nobody-here"]),
  send(["alice", "nobody-here"]),
  send(["x@refuses.example"]),
  send(["-oem", "nobody-here"]),
  send(["-oeq", "nobody-here"]),
  send(["-oep", "nobody-here"]),
  send(["-N", "success", "alice"]),
  send(["-N", "never", "x@refuses.example"]),
  send(["-R", "hdrs", "-V", "envelope-1", "x@refuses.example"]),
  send(["-bm", "alice"]),
  send(["-v", "x@example.com"]),
  run("sendmail without anything", ["sendmail"]),
  run("sendmail -bx", ["sendmail", "-bx"]),
  run("sendmail --nonsense", ["sendmail", "-Y"]),
  run("sendmail -bp", ["sendmail", "-bp"]),
  run("mailq", ["mailq"]),
  run("newaliases", ["newaliases"]),
  run("sendmail -bi", ["sendmail", "-bi"]),
  run("praliases", ["praliases"]),
  run("praliases of one", ["praliases", "staff"]),
  send(["-odq", "alice"]),
  run("sendmail -q", ["sendmail", "-q"]),
  run("sendmail -bs and quits", ["sendmail", "-bs"], "QUIT\r\n"),
  run("sendmail -bs and is gone", ["sendmail", "-bs"], "NOOP\r\n"),
  ...[
    "0 alice@linuxaid.com.cn",
    "3,0 alice@linuxaid.com.cn",
    "3,0 x@example.com",
    "/parse alice",
    "/tryflags HR\n/try esmtp alice",
    "/mx example.com",
    "/map access spam.example",
    "$m",
    "$=w",
    "?",
  ].map((text) => run(`sendmail -bt: ${text.replace("\n", "; ")}`, ["sendmail", "-bt"], `${text}\n`)),
];

export const commandsSite: SiteCases = {
  name: "commands",
  features: `${ACCESS}
FEATURE(\`virtusertable', \`hash -o /etc/mail/virtusertable')dnl
FEATURE(\`mailertable', \`hash -o /etc/mail/mailertable')dnl`,
  files: tables({
    "etc/mail/access": "spam.example\tREJECT\n",
    "etc/mail/virtusertable":
      "info@virtual.example\talice\ngone@virtual.example\terror:nouser 550 No such user here\n",
    "etc/mail/mailertable": "table.example\tesmtp:[203.0.113.20]\n",
    "etc/mail/aliases": `postmaster: root
MAILER-DAEMON: postmaster
staff: alice, bob
outside: someone@example.com
file: /home/written/file
prog: "|/bin/cat"
moved: elsewhere@example.org.REDIRECT
`,
  }),
  written: ["/home/written/file"],
  cases,
};
