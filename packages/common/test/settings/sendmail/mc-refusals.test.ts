import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError } from "../../../src/errors.ts";
import { fromBuilt, fromMc, notesOf } from "./reading.ts";

const refusal = (lines: string): string => {
  try {
    fromMc(lines);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return "nothing was refused";
};

describe("what a config.mc is refused for", () => {
  const cases: readonly (readonly [what: string, lines: string, message: RegExp])[] = [
    [
      "an unknown FEATURE",
      "OSTYPE(`linux')\nFEATURE(`acces_db')",
      /^config\.mc:2: unknown FEATURE "acces_db"; did you mean access_db\?$/,
    ],
    [
      "an unknown macro",
      "\nMASQERADE_AS(`x')",
      /^config\.mc:2: unknown macro MASQERADE_AS; did you mean MASQUERADE_AS\?/,
    ],
    [
      "a macro that looks like another line",
      "FEATUER(`x')",
      /^config\.mc:1: unknown macro FEATUER; did you mean FEATURE\?/,
    ],
    [
      "an unknown define",
      "define(`confMAX_HOPS', `3')",
      /^config\.mc:1: unknown define confMAX_HOPS; did you mean confMAX_HOP\?/,
    ],
    ["an unknown OSTYPE", "OSTYPE(`linnux')", /^config\.mc:1: unknown OSTYPE "linnux"; did you mean linux\?/],
    [
      "an unknown DOMAIN",
      "DOMAIN(`genric')",
      /^config\.mc:1: unknown DOMAIN "genric"; did you mean generic\?/,
    ],
    ["an unknown MAILER", "MAILER(`smtpp')", /^config\.mc:1: unknown MAILER "smtpp"; did you mean smtp\?/],
    [
      "a raw line that nobody knows",
      "LOCAL_CONFIG\nO MaxHopCout=3",
      /^config\.mc:2: unknown option name MaxHopCout; did you mean MaxHopCount\?/,
    ],
    ["words outside comments", "hello there", /^config\.mc:1: unknown configuration line "hello there"/],
    ["a bad number", "define(`confMAX_HOP', `many')", /^config\.mc:1: "many": expected a whole number/],
    ["a bad time", "define(`confTO_MAIL', `5x')", /^config\.mc:1: "5x": expected a time/],
    [
      "an unknown privacy flag",
      "define(`confPRIVACY_FLAGS', `novrfi')",
      /novrfi is none; did you mean novrfy\?/,
    ],
    [
      "an old define",
      "define(`confDEF_GROUP_ID', `6')",
      /confDEF_GROUP_ID: no longer exists; write `user:group'/,
    ],
    [
      "a port that is none",
      "DAEMON_OPTIONS(`Port=smpt')",
      /^config\.mc:1: DaemonPortOptions: Port=smpt: expected a number/,
    ],
    ["a FEATURE without its argument", "FEATURE(`dnsbl')", /^config\.mc:1: FEATURE\(dnsbl\): name the zone/],
    ["FEATURE without parentheses", "FEATURE access_db", /^config\.mc:1: FEATURE needs a name/],
  ];
  for (const [what, lines, message] of cases) test(what, () => assert.match(refusal(lines), message));

  test("all faults at once, each on a line of its own", () => {
    const lines = refusal("FEATURE(`a_b_c')\nFEATURE(`acces_db')\ndefine(`confX', `1')").split("\n");
    assert.equal(lines.length, 3);
  });
});

describe("what a config.mc is warned of", () => {
  const warnings = (lines: string) => notesOf(fromMc(`OSTYPE(\`linux')\n${lines}\nMAILER(\`smtp')\n`));

  test("FEATUREs that mean nothing here, with the reason", () => {
    assert.deepEqual(warnings("FEATURE(`bitdomain')\nFEATURE(`uucpdomain')"), [
      "2: FEATURE(bitdomain): BITNET is no more",
      "3: FEATURE(uucpdomain): UUCP is not spoken",
    ]);
  });

  test("mail filters", () => {
    assert.match(
      warnings("INPUT_MAIL_FILTER(`clam', `S=local:/run/clam.sock')")[0]!,
      /^2: INPUT_MAIL_FILTER\(clam\): milters are not called/,
    );
  });

  test("an open relay, loudly", () => {
    assert.match(warnings("FEATURE(`promiscuous_relay')")[0]!, /EVERYBODY may relay/);
  });

  test("rules written by hand, wherever they stand, with their lines", () => {
    const { notes } = fromMc(
      "OSTYPE(`linux')\nMAILER(`smtp')\nLOCAL_RULE_0\nR$* < @ a.example . > $*\t$#local $: $1\nLOCAL_CONFIG\nKours hash /etc/mail/ours\nHX-Ours: yes\n" +
        "LOCAL_RULESETS\nSLocal_check_mail\nR$*\t$: $1\nR$* bad $*\t$#error $: 550 no\n\nSOurs\nR$*\t$@ $1\n",
    );
    assert.deepEqual(
      notes.map(({ line, text }) => `${line}: ${text}`),
      [
        "4: LOCAL_RULE_0: a rule written by hand not carried over (line 4)",
        "6: map ours: not carried over; only rules written by hand would ask it",
        "7: header X-Ours: written by hand, not carried over",
        "10: ruleset Local_check_mail: 2 rules written by hand not carried over (lines 10-11)",
        "14: ruleset Ours: a rule written by hand not carried over (line 14)",
      ],
    );
  });

  test("a define that nothing uses and looks like another", () => {
    assert.deepEqual(warnings("define(`SMART_HOSTS', `x.example')"), [
      "2: define SMART_HOSTS: nothing uses it; did you mean SMART_HOST?",
    ]);
  });

  test("FEATUREs that need access_db before them do nothing, as in Sendmail", () => {
    const { settings, notes } = fromMc("OSTYPE(`linux')\nFEATURE(`blocklist_recipients')\nMAILER(`smtp')");
    assert.equal(settings.policy.blocklistRecipients, false);
    assert.match(notes[0]!.text, /does nothing without FEATURE\(access_db\)/);
  });

  test("notes go into the sendmail.cf that is built, with the lines of the config.mc", () => {
    const mc = "OSTYPE(`linux')\nMAILER(`smtp')\nLOCAL_RULESETS\nSLocal_check_mail\nR$*\t$: $1\n";
    assert.deepEqual(fromBuilt(mc).notes, fromMc(mc).notes);
  });
});
