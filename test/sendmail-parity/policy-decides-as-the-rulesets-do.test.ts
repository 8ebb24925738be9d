/**
 * The decision beside Sendmail's own rulesets: random tables of access are put to `sendmail -bt` and to mailhost, each with six clients
 * and ten addresses, through check_relay, check_mail and check_rcpt. What differs is what docs/compatibility.md says differs, and is
 * told apart here.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { explainRuleset } from "@mailhost/mta/policy/explain";
import { hostPolicyFacts } from "@mailhost/mta/policy/host-facts";
import type { PolicyFacts } from "@mailhost/mta/policy/relay-decision";
import fc from "fast-check";
import { needs, runProgram } from "../harness/programs.ts";
import { missingSendmail, SENDMAIL } from "./real-sendmail.ts";

const WORLDS = 40;

const ADDRESSES = [
  "u@b.c",
  "u+d@a.b.c",
  "v@ours.c",
  "u+d@ours.c",
  "u@far.d",
  "u@e.far.d",
  "x@rel.d",
  "x@s.rel.d",
  "v@b.c",
  "u",
];

const CLIENTS = [
  ["10.1.2.3", ""],
  ["10.1.2.3", "a.b.c"],
  ["10.7.1.1", ""],
  ["127.0.0.1", "localhost"],
  ["10.1.22.3", "far.d"],
  ["10.9.9.9", "ours.c"],
] as const;

const SETTINGS = `hostname: mail.ours.test
policy:
  lookupDotDomain: true
  relayToFullAddress: true
  relayMailFrom: domain
  relayNameErrors: true
`;

/** The same host in m4's words. The last ruleset lets `-bt` read the \`$|\` between check_relay's arguments. */
function configMc(dir: string): string {
  return `divert(0)dnl
include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(\`linux')dnl
define(\`confDOMAIN_NAME',\`mail.ours.test')dnl
define(\`ALIAS_FILE',\`${dir}/aliases')dnl
define(\`confDONT_BLAME_SENDMAIL',\`MapInUnsafeDirPath,GroupWritableDirPathSafe')dnl
define(\`confSERVICE_SWITCH_FILE',\`${dir}/switch')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
FEATURE(\`access_db',\`hash ${dir}/access',\`skip',\`relaytofulladdress')dnl
FEATURE(\`relay_mail_from',\`domain')dnl
FEATURE(\`blocklist_recipients')dnl
FEATURE(\`lookupdotdomain')dnl
LOCAL_DOMAIN(\`ours.c')dnl
RELAY_DOMAIN(\`10.7 rel.d')dnl
MAILER(\`local')dnl
MAILER(\`smtp')dnl
LOCAL_RULESETS
STranslate
R$* $$| $*	$: $1 $| $2
`;
}

const DOMAINS = ["c", "b.c", "a.b.c", "ours.c", "d", "far.d", "e.far.d", ".c", ".b.c", ".d", "rel.d"];
const NETWORKS = ["10", "10.1", "10.1.2", "10.1.2.3", "[10.1.2.3]", "[10.1]"];
const USERS = ["u", "u+d", "u+*", "v"];

const anEntry = fc.tuple(
  fc
    .tuple(
      fc.constantFrom("", "", "connect:", "from:", "to:"),
      fc.constantFrom(
        ...DOMAINS,
        ...NETWORKS,
        ...USERS.flatMap((user) => ["", ...DOMAINS.slice(1, 6)].map((domain) => `${user}@${domain}`)),
      ),
    )
    .map(([tag, key]) => tag + key),
  fc.constantFrom(
    ...["OK", "RELAY", "RELAY", "REJECT", "DISCARD", "SKIP", "QUARANTINE:q", "no code", "550 5.1.1 x"],
    ...["ERROR:5.7.1:550 no", "ERROR:450 later", "ERROR:5.1.6:551 moved"],
  ),
);

const aTable = fc.uniqueArray(anEntry, { maxLength: 14, selector: ([key]) => key });

/** One question: what was asked, and what each of the two says. */
interface Question {
  readonly command: string;
  readonly ours: string;
  readonly entries: string;
}

test("random tables decide as Sendmail's rulesets", { ...sendmailOr(needs("m4", "unshare")) }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "policy-parity-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "hosts"), "127.0.0.1 mail.ours.test localhost\n");
  writeFileSync(join(dir, "switch"), "hosts files\naliases files\npasswd files\n");
  writeFileSync(join(dir, "config.mc"), configMc(dir));
  const cf = await runProgram("m4", [join(dir, "config.mc")]);
  assert.equal(cf.code, 0, cf.stderr);
  writeFileSync(join(dir, "sendmail.cf"), cf.stdout);
  let asked = 0;
  for (const [number, table] of fc.sample(aTable, WORLDS).entries()) {
    const text = table.map(([key, value]) => `${key}\t${value}\n`).join("");
    const made = await runProgram("/usr/libexec/sendmail/makemap", ["hash", join(dir, "access")], {
      input: text,
    });
    assert.equal(made.code, 0, made.stderr);
    const { commands, questions } = questionsOf(new Map(table), number, text);
    const answers = await askSendmail(dir, commands);
    assert.equal(answers.length, questions.length);
    for (const [i, question] of questions.entries()) {
      const theirs = answers[i]!;
      if (isKnownDifference(question, theirs)) continue;
      assert.equal(
        plain(question.ours),
        plain(theirs),
        `${question.command}\nhere: ${question.ours}\nSendmail: ${theirs}\naccess:\n${question.entries}`,
      );
    }
    asked += questions.length;
  }
  t.diagnostic(`${asked} decisions compared`);
});

function sendmailOr(options: { skip?: string }): { skip?: string } {
  const skip = options.skip ?? missingSendmail();
  return skip === undefined ? {} : { skip };
}

function questionsOf(access: ReadonlyMap<string, string>, number: number, entries: string) {
  const facts = factsOf(access);
  const commands: string[] = [];
  const questions: Question[] = [];
  for (const [index, [ip, name]] of CLIENTS.entries()) {
    const shown = name === "" ? `[${ip}]` : name;
    const sender = ADDRESSES[(number + index) % ADDRESSES.length]!;
    commands.push(`.D{client_addr}${ip}`, `.D{client_name}${shown}`);
    commands.push(`.D{client_resolve}${name === "" ? "FAIL" : "OK"}`, `.Df${sender}`);
    const ask = (ruleset: string, input: string) => {
      const answer = explainRuleset(ruleset, input, facts, { ip, name }, { sender });
      commands.push(`${ruleset === "check_relay" ? "Translate," : ""}${ruleset} ${input}`);
      questions.push({
        command: `client ${ip} ${name}, sender ${sender}: ${ruleset} ${input}`,
        ours: answer!.returns,
        entries,
      });
    };
    ask("check_relay", `${shown} $| ${ip}`);
    for (const address of ADDRESSES) {
      ask("check_mail", `<${address}>`);
      ask("check_rcpt", `<${address}>`);
    }
  }
  return { commands, questions };
}

function factsOf(access: ReadonlyMap<string, string>): PolicyFacts {
  const table = (entries: ReadonlyMap<string, string>) => ({
    file: "access",
    get: (key: string) => entries.get(key),
    entries: () => entries.entries(),
  });
  const ours = new Set(["ours.c"]);
  return hostPolicyFacts({
    settings: parseSettings(SETTINGS, "mailhost.yaml"),
    tables: {
      access: table(access),
      relayDomains: table(
        new Map([
          ["10.7", "RELAY"],
          ["rel.d", "RELAY"],
        ]),
      ),
      localHostNames: { file: "", has: (name) => ours.has(name), entries: () => ours },
    },
    ownAddresses: () => new Set(["127.0.0.1"]),
  });
}

/** What the rulesets return, in the order of the commands. The machine has no network: nothing waits for a name server. */
async function askSendmail(dir: string, commands: readonly string[]): Promise<string[]> {
  const root = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const script = `mount --bind ${dir}/hosts /etc/hosts; hostname mail.ours.test; exec ${SENDMAIL} -bt -C ${dir}/sendmail.cf`;
  const ran = await runProgram("unshare", [...root, "--uts", "--net", "--mount", "sh", "-c", script], {
    input: `${commands.join("\n")}\n`,
  });
  return ran.stdout
    .split("\n")
    .map((line) => /^(?:> )?check_(?:relay|mail|rcpt)\s+returns: (.*)$/.exec(line)?.[1])
    .filter((answer) => answer !== undefined);
}

/** SKIP found by user, a recipient that is held and may not be relayed to, and senders of this host itself without a domain. */
function isKnownDifference({ command, ours }: Question, theirs: string): boolean {
  return (
    /\$# error \$: SKIP/.test(theirs) ||
    (/Relaying denied/.test(ours) && /\$@ quarantine/.test(theirs)) ||
    /^client 127\.0\.0\.1 .*check_mail <u>$/.test(command)
  );
}

/** A result without what `-bt` shows otherwise: blanks between tokens, quotes, and \`$&f\`, which there is the last sender. */
function plain(result: string): string {
  const text = result.replace(/\s+/g, "").toLowerCase().replaceAll('"', "");
  if (text.startsWith("$#error$@quarantine")) return `hold${text.split("$:")[1]}`;
  if (text.startsWith("$#discard")) return "discard";
  const error = /^\$#error(?:\$@[\d.]+)?\$:(.*)$/.exec(text);
  if (error === null) return "accept";
  const words = error[1]!.replace(/senderaddress.*/, "senderaddress");
  const code = /^(\d\d\d)(?:\d\.\d\.\d)?(.*)$/.exec(words);
  return code === null ? `553 ${words}` : `${code[1]} ${code[2]}`;
}
