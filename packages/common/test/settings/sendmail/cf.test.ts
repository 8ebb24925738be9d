import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../../src/errors.ts";
import { cfLines } from "../../../src/settings/sendmail/cf-lines.ts";
import { SENDMAIL_OPTION_TABLE } from "../../../src/settings/sendmail/options.ts";
import { fromCf, notesOf } from "./reading.ts";

const refusal = (text: string): string => {
  try {
    fromCf(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.exitCode, 78);
    return error.message;
  }
  return "nothing was refused";
};

describe("the article's stumble", () => {
  test("blank lines, and lines of white space only, are fine", () => {
    assert.deepEqual(notesOf(fromCf("\n \t \nV10\n\n   \r\n\t\nDjmail.example.com\r\n\n")), []);
    assert.equal(fromCf(" \nDjmail.example.com\r\n\t \n").settings.hostname, "mail.example.com");
  });

  test("anything else that is unknown is refused in Sendmail's words, all of it at once", () => {
    assert.equal(
      refusal("V10\n\nYwhat\nCwx\n!\n"),
      '554 5.0.0 sendmail.cf: line 3: unknown configuration line "Ywhat"\n' +
        '554 5.0.0 sendmail.cf: line 5: unknown configuration line "!"',
    );
  });

  test("an indented line goes on with the one above it; with none above, it is unknown", () => {
    assert.deepEqual(fromCf("Cwa.example\n\tb.example\n").settings.domains.local, ["a.example", "b.example"]);
    assert.match(refusal("\n  Cwx\n"), /line 2: unknown configuration line " {2}Cwx"/);
  });
});

describe("the lines of a sendmail.cf", () => {
  test("without any, Sendmail's defaults hold", () => {
    const { settings } = fromCf("");
    assert.equal(settings.hostname, "host.example.com");
    assert.equal(settings.smtp.maxHops, 25);
    assert.equal(settings.smtp.maxRecipients, Number.MAX_SAFE_INTEGER);
    assert.equal(settings.tables.access, "");
    assert.equal(settings.queue.queueLoad, 16);
    assert.equal(settings.smtp.refuseLoad, 24);
    assert.deepEqual(settings.smtp.privacy, ["authwarnings"]);
    assert.equal(settings.policy.acceptUnresolvableDomains, false);
    // What is no concern of Sendmail's stays as it is everywhere.
    assert.deepEqual(settings.pop3.listen, [{ host: "0.0.0.0", port: 110 }]);
  });

  test("options by name: neither case nor a clear abbreviation matters", () => {
    const { settings } = fromCf(
      "O MaxHopCount=9\nO logLEVEL=12\nO MaxRec=7\nO Timeout.queuewarn=2h\nO Timeout.helo=1m\nO PrivacyOptions=goaway, noetrn\nO MinFreeBlocks=10",
    );
    assert.equal(settings.smtp.maxHops, 9);
    assert.equal(settings.log.level, 12);
    assert.equal(settings.smtp.maxRecipients, 7);
    assert.equal(settings.queue.warnAfter, 7_200_000);
    assert.equal(settings.timeouts.helo, 60_000);
    assert.deepEqual(settings.smtp.privacy, ["goaway", "noetrn"]);
    assert.equal(settings.queue.minFreeSpace, 40_960);
  });

  test("options by letter, as before 8.7", () => {
    const { settings } = fromCf(
      "OA/etc/aliases\nOi\nOL11\nOh30\nOT3d/6h\nOrhelo=2m,quit=30s\nOQ/var/spool/mqueue\nOu8:12\nOpnovrfy\nOdq\nO7",
    );
    assert.deepEqual(settings.tables.aliases, ["etc/aliases"]);
    assert.equal(settings.log.level, 11);
    assert.equal(settings.smtp.maxHops, 30);
    assert.equal(settings.queue.returnAfter, 3 * 86_400_000);
    assert.equal(settings.queue.warnAfter, 6 * 3_600_000);
    assert.equal(settings.timeouts.helo, 120_000);
    assert.equal(settings.timeouts.quit, 30_000);
    assert.equal(settings.local.defaultUser, "8:12");
    assert.deepEqual(settings.smtp.privacy, ["novrfy"]);
    assert.equal(settings.queue.deliveryMode, "queue-only");
  });

  test("unknown options, with the one that was meant", () => {
    assert.equal(
      refusal("O MaxHopCuont=3"),
      "554 5.0.0 sendmail.cf: line 1: unknown option name MaxHopCuont; did you mean MaxHopCount?",
    );
    assert.match(refusal("O!3"), /line 1: unknown option !/);
    assert.match(refusal("O Timeout.hello=3m"), /did you mean Timeout\.helo\?/);
    assert.match(
      refusal("V10\nO MaxHopCount=x"),
      /^554 5\.0\.0 sendmail\.cf: line 2: "x": expected a whole number/,
    );
  });

  test("every option of Sendmail is known by its name", () => {
    for (const { name } of SENDMAIL_OPTION_TABLE) {
      const message = refusal(`O ${name}=1`);
      assert.doesNotMatch(message, /unknown option/, name);
    }
    assert.equal(new Set(SENDMAIL_OPTION_TABLE.map((o) => o.name)).size, SENDMAIL_OPTION_TABLE.length);
  });

  test("macros, classes and files", () => {
    const { settings } = fromCf(
      "Djmail.company.example\nDSesmtp:[relay.example]\nDHhub.example\nDRlr.example\nDLlocal:root\nDMcompany.example\n" +
        "Cwa.example b.example\nC{VirtHost}v.example\nCR$={VirtHost}\nCEroot\nFw-o /etc/mail/local-host-names\nFR/etc/mail/relays %[^\\#]\n" +
        "Ft/etc/mail/trusted-users\nTmajordomo\n",
    );
    assert.equal(settings.hostname, "mail.company.example");
    assert.equal(settings.relay.smartHost, "esmtp:[relay.example]");
    assert.equal(settings.routing.mailHub, "hub.example");
    assert.equal(settings.routing.localRelay, "lr.example");
    assert.equal(settings.routing.luserRelay, "local:root");
    assert.equal(settings.rewrite.masqueradeAs, "company.example");
    assert.deepEqual(settings.domains.local, ["a.example", "b.example"]);
    assert.deepEqual(settings.domains.relay, ["v.example"]);
    assert.deepEqual(settings.rewrite.exposedUsers, ["root"]);
    assert.equal(settings.tables.localHostNames, "etc/mail/local-host-names");
    assert.equal(settings.tables.relayDomains, "etc/mail/relays");
    assert.equal(settings.tables.trustedUsers, "etc/mail/trusted-users");
    assert.deepEqual(settings.domains.trustedUsers, ["majordomo"]);
  });

  test("an empty DS is no smart host", () => {
    assert.equal(fromCf("DS\nDM\n").settings.relay.smartHost, undefined);
  });

  test("maps are tables; kinds that are no files are noted", () => {
    const reading = fromCf(
      "Kaccess hash -T<TMPF> -o /etc/mail/access.db\nKvirtuser btree /etc/mail/vu\nKgenerics ldap -k x\nKdequote dequote\nKmine regex abc\n",
    );
    assert.equal(reading.settings.tables.access, "etc/mail/access");
    assert.equal(reading.settings.tables.virtusertable, "etc/mail/vu");
    assert.equal(reading.settings.tables.genericstable, "");
    assert.deepEqual(notesOf(reading), [
      "3: map generics: a map of the kind ldap is not asked; write its entries into a file",
      "5: map mine: not carried over; only rules written by hand would ask it",
    ]);
  });

  test("mailers: who writes mailboxes, where programs come from, the port of other hosts", () => {
    const local = (mailer: string) => fromCf(mailer).settings.local;
    assert.equal(
      local(
        "Mlocal,\tP=/usr/bin/procmail, F=lsDFMAw5:/|@qSPfhn9, S=EnvFromL/HdrFromL,\n\t\tT=DNS/RFC822/X-Unix,\n\t\tA=procmail -t -Y -a $h -d $u",
      ).procmailCommand,
      "/usr/bin/procmail -t -Y -a $h -d $u",
    );
    assert.equal(local("Mlocal, P=/usr/lib/mail.local, F=l, A=mail.local -l").mailer, "lmtp");
    assert.equal(local("Mlocal, P=[IPC], F=l, A=TCP imap.example 24").lmtpCommand, "imap.example:24");
    assert.equal(local("Mlocal, P=/bin/mail, A=mail -d $u").mailer, "mbox");
    assert.equal(local("Mprog, P=/usr/sbin/smrsh, A=smrsh -c $u").programDirectory, "etc/mail/smrsh");
    assert.equal(local("Mprog, P=/bin/sh, A=sh -c $u").programDirectory, "");
    assert.equal(fromCf("Mesmtp, P=[IPC], E=\\r\\n, A=TCP $h 2525").settings.relay.port, 2525);
    assert.match(refusal("Mlocal, F=x, A=y"), /line 1: Mlocal: P= argument required/);
  });

  test("mailhost's own lines are comments to others", () => {
    const { settings } = fromCf(
      '#@ FEATURE("delay_checks", "friend")\n#@ MAILHOST_SETTING("pop3.listen", "127.0.0.1:0")\n#@ nothing of ours\n# @ nor this\n',
    );
    assert.equal(settings.policy.delayChecks, "friend");
    assert.deepEqual(settings.pop3.listen, [{ host: "127.0.0.1", port: 0 }]);
    assert.match(refusal('#@ FEATURE("delay_cheks")'), /line 1: unknown FEATURE "delay_cheks"/);
    assert.match(refusal("#@ FEATURE(delay_checks)"), /line 1: FEATURE: expected texts in double quotes/);
    assert.match(
      refusal('#@ MAILHOST_SETTING("pop3.lissen", "x")'),
      /line 1: pop3\.lissen: unknown setting; did you mean pop3\.listen\?/,
    );
  });

  test("what is written by hand is noted with its lines", () => {
    const reading = fromCf(
      "HSubject: $>CheckSubject\nSCheckSubject\nRILOVEYOU\t$#error $: 553 no\n# why\nR$*\t$@ $1\nXclam, S=local:/x\nQgroup, P=/q\n",
    );
    assert.deepEqual(notesOf(reading), [
      "1: header Subject: written by hand, not carried over",
      "3: ruleset CheckSubject: 2 rules written by hand not carried over (lines 3, 5)",
      "6: mail filter clam: milters are not called",
      "7: queue groups: there is one queue, without groups",
    ]);
  });

  test("a class from a program or a map is noted, not run", () => {
    assert.deepEqual(notesOf(fromCf("Fw|/bin/hostnames\nFw@LDAP\n")), [
      "1: class w: |/bin/hostnames: names that a program prints are not read",
      "2: class w: @LDAP: names from LDAP or another map are not read",
    ]);
  });

  test("any text is read, or refused with a line for each fault", () => {
    const line = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc
        .tuple(fc.constantFrom(..."ODCFKMPTHVSRQXE#".split("")), fc.string({ maxLength: 20 }))
        .map(([a, b]) => a + b),
      fc.constantFrom("O MaxHopCount=3", "R$*\t$@", "SLocal_check_rcpt", "#@ FEATURE(", "\t", "  x"),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const message = refusal(lines.join("\n"));
        if (message === "nothing was refused") return;
        for (const fault of message.split("\n"))
          assert.match(fault, /^554 5\.0\.0 sendmail\.cf: line \d+: ./);
      }),
      { numRuns: 500, examples: [[["O", "  x"]]] },
    );
  });

  test("folding loses nothing but blank lines", () => {
    assert.deepEqual(cfLines("a\n b\n\t\nc\r\n\nd"), [
      { text: "a\n b", line: 1 },
      { text: "c", line: 4 },
      { text: "d", line: 6 },
    ]);
  });
});
