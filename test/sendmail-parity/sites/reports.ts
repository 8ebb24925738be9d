/** DSN: what is reported to whom, and what goes on to the next host. */
import { type Case, type SiteCases, sends } from "../cases.ts";
import { ACCESS, tables } from "./tables.ts";

const LAN = "202.99.11.9";
const RECIPIENTS = [
  ["a mailbox", "bob@linuxaid.com.cn"],
  ["a host with DSN", "x@example.com"],
  ["a host without DSN", "x@hub.example.net"],
  ["a host that refuses", "x@refuses.example"],
  ["a host that is full", "full@refuses.example"],
  ["a domain that is not", "x@no-such.example"],
  ["an alias outside", "outside@linuxaid.com.cn"],
  ["a list", "team@linuxaid.com.cn"],
  ["a program that fails", "progfail@linuxaid.com.cn"],
] as const;
const NOTIFY = [
  "",
  " NOTIFY=SUCCESS",
  " NOTIFY=NEVER",
  " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;orig+2Binal@example.org",
  " NOTIFY=DELAY",
];

const cases: Case[] = [
  ...RECIPIENTS.flatMap(([name, to]) =>
    NOTIFY.map((rcptParameters) =>
      sends(
        `${name},${rcptParameters || " nothing asked"}`,
        { from: "alice@linuxaid.com.cn", to, rcptParameters, mailParameters: " RET=HDRS ENVID=env+2B1" },
        LAN,
      ),
    ),
  ),
  sends(
    "RET=FULL",
    { from: "alice@linuxaid.com.cn", to: "x@refuses.example", mailParameters: " RET=FULL" },
    LAN,
  ),
  sends("neither", { from: "alice@linuxaid.com.cn", to: "x@refuses.example" }, LAN),
  sends(
    "two refused",
    {
      from: "alice@linuxaid.com.cn",
      to: ["x@refuses.example", "full@refuses.example", "bob@linuxaid.com.cn"],
    },
    LAN,
  ),
  sends("a sender outside", { from: "someone@example.com", to: "x@refuses.example" }, LAN),
  sends("nobody's mail refused", { from: "", to: "x@refuses.example" }, LAN),
  sends("a sender who is not there", { from: "nobody-here@linuxaid.com.cn", to: "x@refuses.example" }, LAN),
];

export const reportsSite: SiteCases = {
  name: "delivery reports",
  features: ACCESS,
  files: tables({
    "etc/mail/access": "Connect:202.99.11\tRELAY\n",
    "etc/mail/aliases": `postmaster: root
MAILER-DAEMON: postmaster
outside: someone@example.com
team: bob, someone@example.com
owner-team: carol
progfail: "|/home/programs/fail 67"
`,
    "home/programs/fail": "#!/bin/sh\ncat >/dev/null\necho said by the program\nexit $1\n",
  }),
  cases,
};
