/** virtusertable and mailertable: who gets what, and which host it goes to. */
import { asks, type Case, type SiteCases, sends } from "../cases.ts";
import { ACCESS, tables } from "./tables.ts";

const VIRTUSERTABLE = `info@virtual.example	alice
sales@virtual.example	bob@linuxaid.com.cn
away@virtual.example	someone@example.com
plain+tag@virtual.example	carol
plain+*@virtual.example	dave+%2
plain@virtual.example	erin
list@virtual.example	stafflist
gone@virtual.example	error:nouser 550 No such user here
moved@virtual.example	error:5.1.6:551 Gone to another place
later@virtual.example	error:4.2.1:450 Not now
strange@virtual.example	error:5.7.0:550 "We, of this house, say no"
tempfail@virtual.example	error:tempfail:450 try later
hidden@virtual.example	error:nouser
unknown@virtual.example	nobody-here
self@virtual.example	self@virtual.example
chain@virtual.example	info@virtual.example
loop1@virtual.example	loop2@virtual.example
loop2@virtual.example	loop1@virtual.example
@catch.example	%1@linuxaid.com.cn
+*@detail.example	alice%3
@detail.example	bob
@whole.example	frank
one@whole.example	carol
@swap.example	%1@example.com
@errors.example	error:nouser 550 Nobody is here
alice@linuxaid.com.cn	dave
`;

const MAILERTABLE = `table.example	esmtp:[203.0.113.20]
.below.example	esmtp:[203.0.113.20]
exact.below.example	esmtp:[203.0.113.10]
named.example	esmtp:hub.example.net
mx.table.example	smtp:[hub.example.net]
relay.table.example	relay:hub.example.net
two.table.example	esmtp:[203.0.113.99]:[203.0.113.20]
local.table.example	local:
tobob.table.example	local:bob
error.table.example	error:5.7.1:550 Not to this domain
error2.table.example	error:nohost
error3.table.example	error:550 Without a code
linuxaid.com.cn	esmtp:[203.0.113.20]
`;

const DOMAINS =
  "virtual.example\ncatch.example\ndetail.example\nwhole.example\nswap.example\nerrors.example\nlinuxaid.com.cn\n";

const VIRTUAL = [
  "info@virtual.example",
  "INFO@Virtual.Example",
  "info+detail@virtual.example",
  "sales@virtual.example",
  "away@virtual.example",
  "plain@virtual.example",
  "plain+tag@virtual.example",
  "plain+other@virtual.example",
  "plain+@virtual.example",
  "list@virtual.example",
  "gone@virtual.example",
  "moved@virtual.example",
  "later@virtual.example",
  "strange@virtual.example",
  "tempfail@virtual.example",
  "hidden@virtual.example",
  "unknown@virtual.example",
  "self@virtual.example",
  "chain@virtual.example",
  "loop1@virtual.example",
  "nothere@virtual.example",
  "erin@virtual.example",
  "frank@catch.example",
  "frank+x@catch.example",
  "nobody-here@catch.example",
  "x@detail.example",
  "x+y@detail.example",
  "x+@detail.example",
  "one@whole.example",
  "two@whole.example",
  "one+d@whole.example",
  "anyone@swap.example",
  "anyone+d@swap.example",
  "x@errors.example",
  "alice@linuxaid.com.cn",
  "alice@mail.linuxaid.com.cn",
  "alice",
];

const MAILER = [
  "x@table.example",
  "x@TABLE.example",
  "x@sub.table.example",
  "x@below.example",
  "x@a.below.example",
  "x@a.b.below.example",
  "x@exact.below.example",
  "x@sub.exact.below.example",
  "x@named.example",
  "x@mx.table.example",
  "x@relay.table.example",
  "x@two.table.example",
  "bob@local.table.example",
  "nobody-here@local.table.example",
  "whoever@tobob.table.example",
  "x@error.table.example",
  "x@error2.table.example",
  "x@error3.table.example",
  "bob@linuxaid.com.cn",
  "x@example.com",
  "x@example.org",
  "x@[203.0.113.20]",
];

const LAN = "202.99.11.9";

const cases: Case[] = [
  ...VIRTUAL.map((to) => asks(`virtual: is there <${to}>`, "sender@example.com", to)),
  ...VIRTUAL.map((to) => sends(`virtual: mail for <${to}>`, { to })),
  ...MAILER.map((to) => sends(`mailertable: mail for <${to}>`, { to, from: "alice@linuxaid.com.cn" }, LAN)),
  sends("virtual: several", {
    to: ["info@virtual.example", "chain@virtual.example", "x@whole.example", "away@virtual.example"],
  }),
  sends(
    "mailertable: several hosts",
    { to: ["x@table.example", "y@table.example", "z@example.com", "u@a.below.example"] },
    LAN,
  ),
];

export const virtualSite: SiteCases = {
  name: "virtusertable and mailertable",
  features: `${ACCESS}
FEATURE(\`virtusertable', \`hash -o /etc/mail/virtusertable')dnl
FEATURE(\`mailertable', \`hash -o /etc/mail/mailertable')dnl`,
  files: tables({
    "etc/mail/access": "Connect:202.99.11\tRELAY\n",
    "etc/mail/virtusertable": VIRTUSERTABLE,
    "etc/mail/mailertable": MAILERTABLE,
    "etc/mail/local-host-names": DOMAINS,
    "etc/mail/aliases": "postmaster: root\nMAILER-DAEMON: postmaster\nstafflist: alice, bob, x@example.com\n",
  }),
  cases,
};
