/** aliases and .forward: chains, lists, owners, included files, programs and files. */
import { asks, type Case, type SiteCases, sends } from "../cases.ts";
import { ACCESS, tables } from "./tables.ts";

const ALIASES = `postmaster: root
MAILER-DAEMON: postmaster
one: alice
two: one
three: two
staff: alice, bob,
	carol
everyone: staff, dave, staff
outside: someone@example.com
mixed: alice, someone@example.com, other@example.net
escaped: \\alice
selfish: selfish
bob: bob, carol
loopa: loopb
loopb: loopa
team: alice, x@example.com
owner-team: dave
owned: erin, y@example.com
owner-owned: keeper
keeper: dave, erin
included: :include:/home/lists/members
includedowned: :include:/home/lists/members
owner-includedowned: frank
nosuchinclude: :include:/home/lists/missing
prog: "|/home/programs/record prog"
progargs: "|/home/programs/record one 'two three' \\"four\\""
progfail: "|/home/programs/fail 67"
progtemp: "|/home/programs/fail 75"
progcrash: "|/home/programs/fail 1"
file: /home/written/file
gone: former@example.org.REDIRECT
plus: alice
plus+a: bob
plus+*: carol
both: prog, alice, /home/written/file
Quoted: "alice"
UPPER: ALICE
comment: alice # not a comment?
deep1: deep2
deep2: deep3
deep3: deep4
deep4: deep5
deep5: deep6
deep6: deep7
deep7: deep8
deep8: deep9
deep9: deep10
deep10: deep11
deep11: deep12
deep12: alice
unknown: nobody-here
partly: alice, nobody-here
domainless: someone@nowhere.invalid
null: /dev/null
`;

const NAMES = [
  "one",
  "three",
  "staff",
  "everyone",
  "outside",
  "mixed",
  "escaped",
  "selfish",
  "bob",
  "loopa",
  "team",
  "owned",
  "owner-team",
  "included",
  "includedowned",
  "nosuchinclude",
  "prog",
  "progargs",
  "progfail",
  "progtemp",
  "progcrash",
  "file",
  "gone",
  "plus",
  "plus+a",
  "plus+b",
  "both",
  "quoted",
  "upper",
  "comment",
  "deep1",
  "deep4",
  "unknown",
  "partly",
  "domainless",
  "null",
  "root",
  "nobody-here",
  "one+detail",
  "alice+detail",
  "carol",
  "dave",
  "erin",
  "frank",
];

const RECORD = `#!/bin/sh
umask 0
# Writes what it was called with and what it was given.
# Both programs at once write one after the other.
exec 9>>/home/written/lock; flock 9
{ echo "From program Mon Jun  4 09:00:00 2001"; echo "X-Arguments: $#:$*"; cat; echo; } >>/home/written/program
`;
const FAIL = "#!/bin/sh\ncat >/dev/null\necho said by the program\nexit $1\n";

const cases: Case[] = [
  ...NAMES.map((name) => asks(`is there <${name}>`, "sender@example.com", `${name}@linuxaid.com.cn`)),
  ...NAMES.map((name) => sends(`mail for <${name}>`, { to: `${name}@linuxaid.com.cn` })),
  sends("two lists with the same members", { to: ["staff@linuxaid.com.cn", "everyone@linuxaid.com.cn"] }),
  sends("a list and its member", { to: ["staff@linuxaid.com.cn", "alice@linuxaid.com.cn"] }),
  sends("a list from one of its members", { from: "alice@linuxaid.com.cn", to: "staff@linuxaid.com.cn" }),
  sends("a list with an owner from nobody", { from: "", to: "team@linuxaid.com.cn" }),
];

export const aliasesSite: SiteCases = {
  name: "aliases and .forward",
  features: `${ACCESS}\nFEATURE(\`redirect')dnl`,
  files: tables({
    "etc/mail/aliases": ALIASES,
    "home/lists/members": "alice, bob\n# nobody\ncarol\n\nx@example.com\n",
    "home/programs/record": RECORD,
    "home/programs/fail": FAIL,
    "home/carol/.forward": "carol-elsewhere@example.com\n",
    "home/dave/.forward": "\\dave, dave-elsewhere@example.com\n",
    "home/erin/.forward": '"|/home/programs/record erin"\n',
    "home/frank/.forward": "/home/frank/mail\n",
  }),
  written: ["/home/written/file", "/home/written/program", "/home/frank/mail"],
  cases,
};
