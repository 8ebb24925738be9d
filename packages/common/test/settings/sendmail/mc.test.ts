import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ARTICLE_MC, REDHAT_MC } from "./article.ts";
import { fromBuilt, fromMc, notesOf, settingsOf } from "./reading.ts";

describe("the article's config.mc", () => {
  const { settings, notes } = fromMc(ARTICLE_MC);

  test("gives the host that the article sets up", () => {
    assert.deepEqual(settings.smtp.listen, [{ host: "0.0.0.0", port: 25 }]);
    // Sendmail since 8.10 listens there as well.
    assert.deepEqual(settings.smtp.submission, [{ host: "0.0.0.0", port: 587 }]);
    assert.equal(settings.smtp.maxRecipients, 100);
    assert.deepEqual(settings.smtp.privacy, ["authwarnings", "novrfy", "noexpn", "restrictqrun"]);
    assert.equal(settings.policy.blocklistRecipients, true);
    assert.equal(settings.policy.acceptUnresolvableDomains, false);
    assert.equal(settings.tables.access, "etc/mail/access");
    assert.equal(settings.tables.virtusertable, "etc/mail/virtusertable");
    assert.equal(settings.tables.mailertable, "etc/mail/mailertable");
    assert.equal(settings.tables.genericstable, "");
    assert.equal(settings.tables.localHostNames, "etc/mail/local-host-names");
    assert.equal(settings.tables.relayDomains, "etc/mail/relay-domains");
    assert.equal(settings.rewrite.alwaysAddDomain, true);
    assert.deepEqual(settings.rewrite.exposedUsers, ["root"]);
    assert.equal(settings.routing.redirect, true);
    assert.equal(settings.local.mailer, "procmail");
    assert.equal(settings.local.procmailCommand, "/usr/bin/procmail -a $h -d $u");
    assert.equal(settings.local.programDirectory, "etc/mail/smrsh");
    assert.equal(settings.local.defaultUser, "8:12");
    assert.equal(settings.queue.warnAfter, 4 * 3_600_000);
    assert.equal(settings.queue.returnAfter, 5 * 86_400_000);
  });

  test("its DRAC block written by hand is understood", () => {
    assert.equal(settings.drac.enabled, true);
    assert.deepEqual(
      notes.map((note) => note.text),
      [
        "AuthMechanisms: DIGEST-MD5: there are CRAM-MD5, PLAIN, LOGIN here",
        "SMTP and POP3 take passwords unencrypted, as AuthOptions has no p",
      ],
    );
  });

  test("is the same after mailhost build", () => {
    assert.deepEqual(fromBuilt(ARTICLE_MC).settings, settings);
  });
});

test("a config.mc in RedHat's manner", () => {
  const reading = fromMc(REDHAT_MC);
  const { settings } = reading;
  assert.deepEqual(settings.smtp.listen, [{ host: "127.0.0.1", port: 25 }]);
  assert.deepEqual(settings.smtp.submission, [{ host: "0.0.0.0", port: 587 }]);
  assert.deepEqual(settings.smtp.smtps, [{ host: "0.0.0.0", port: 465 }]);
  assert.equal(settings.relay.smartHost, "smtp.provider.example");
  assert.equal(settings.relay.connectTimeout, 60_000);
  assert.deepEqual(settings.tables.aliases, ["etc/aliases"]);
  assert.equal(settings.tables.mailertable, "etc/mail/mailertable");
  assert.equal(settings.tables.trustedUsers, "etc/mail/trusted-users");
  assert.equal(settings.local.procmailCommand, "/usr/bin/procmail -t -Y -a $h -d $u");
  assert.equal(settings.tls.cert, "etc/pki/tls/certs/sendmail.pem");
  assert.equal(settings.tls.key, "etc/pki/tls/private/sendmail.key");
  assert.equal(settings.tls.allowPlaintextAuth, false);
  assert.deepEqual(settings.domains.local, ["localhost", "localhost.localdomain"]);
  assert.equal(settings.rewrite.masqueradeAs, "company.example");
  assert.equal(settings.rewrite.masqueradeEntireDomain, true);
  assert.deepEqual(settings.rewrite.masqueradeDomains, ["localhost.localdomain"]);
  assert.deepEqual(notesOf(reading), [
    "14: a host that is its own best MX reports a loop",
    "20: the user database is not read; use aliases, virtusertable and genericstable",
    "24: AuthMechanisms: EXTERNAL GSSAPI DIGEST-MD5: there are CRAM-MD5, PLAIN, LOGIN here",
  ]);
  assert.deepEqual(fromBuilt(REDHAT_MC).settings, settings);
});

test("SMTP AUTH: what is offered must be in AuthMechanisms and in TRUST_AUTH_MECH", () => {
  const define = (list: string) => `define(\`confAUTH_MECHANISMS', \`${list}')\n`;
  const trust = (list: string) => `TRUST_AUTH_MECH(\`${list}')\n`;
  const noClear = "define(`confAUTH_OPTIONS', `A p y')\n";
  const cases: readonly (readonly [text: string, mechanisms: readonly string[], clear: boolean])[] = [
    ["", [], false],
    [trust("CRAM-MD5 LOGIN"), ["CRAM-MD5"], false],
    [define("LOGIN PLAIN CRAM-MD5"), [], true],
    [trust("LOGIN plain") + define("LOGIN PLAIN CRAM-MD5"), ["PLAIN", "LOGIN"], true],
    [trust("LOGIN PLAIN") + define("LOGIN PLAIN") + noClear, ["PLAIN", "LOGIN"], false],
    [
      `${trust("PLAIN")}${define("PLAIN")}${noClear}FEATURE(\`no_default_msa')\nDAEMON_OPTIONS(\`Port=smtp, M=A')\n`,
      [],
      false,
    ],
    [`${trust("PLAIN")}${define("PLAIN")}${noClear}DAEMON_OPTIONS(\`Port=587, M=Ea')\n`, ["PLAIN"], false],
  ];
  for (const [text, mechanisms, clear] of cases) {
    const { auth, tls } = fromMc(`OSTYPE(\`linux')\n${text}MAILER(\`smtp')\n`).settings;
    assert.deepEqual(auth.mechanisms, mechanisms, text);
    assert.equal(tls.allowPlaintextAuth, clear, text);
  }
});

test("TLS: the ciphers and what ServerSSLOptions leaves of the versions", () => {
  const of = (text: string) => {
    const reading = fromMc(`OSTYPE(\`linux')\n${text}MAILER(\`smtp')\n`);
    const built = fromBuilt(`OSTYPE(\`linux')\n${text}MAILER(\`smtp')\n`).settings.tls;
    const { ciphers, minVersion } = reading.settings.tls;
    assert.deepEqual([built.ciphers, built.minVersion], [ciphers, minVersion], text);
    return [ciphers, minVersion, ...reading.notes.map((note) => note.text)];
  };
  const options = (value: string) => of(`define(\`confSERVER_SSL_OPTIONS', \`${value}')\n`);
  assert.deepEqual(of(""), ["", "1.2"]);
  assert.deepEqual(of("define(`confCIPHER_LIST', `HIGH:!aNULL')\n"), ["HIGH:!aNULL", "1.2"]);
  assert.deepEqual(of("define(`confCIPHER_LIST', `')\n"), ["", "1.2"]);
  // What everybody writes is so anyhow.
  assert.deepEqual(options("+SSL_OP_NO_SSLv2 +SSL_OP_NO_SSLv3 +SSL_OP_CIPHER_SERVER_PREFERENCE"), [
    "",
    "1.2",
  ]);
  assert.deepEqual(options("+SSL_OP_NO_TLSv1 +SSL_OP_NO_TLSv1_1 +SSL_OP_NO_TLSv1_2"), ["", "1.3"]);
  assert.deepEqual(options("SSL_OP_NO_TLSv1_2"), ["", "1.3"]);
  assert.deepEqual(options("+SSL_OP_NO_TLSv1_1 -SSL_OP_NO_TLSv1_2"), ["", "1.2"]);
  assert.deepEqual(options("+SSL_OP_NO_TLSv1_3"), [
    "",
    "1.2",
    "TLS 1.3 is spoken, whatever ServerSSLOptions says",
  ]);
});

test("an option without a value is an empty text, or the usual one", () => {
  const { queue, local, routing } = settingsOf(
    ["DOUBLE_BOUNCE_ADDRESS", "DEF_USER_ID", "FALLBACK_MX"]
      .map((name) => `define(\`conf${name}', \`')`)
      .join("\n"),
  );
  assert.equal(queue.doubleBounceAddress, "", "nobody gets them");
  assert.equal(local.defaultUser, "daemon");
  assert.equal(routing.fallbackMx, "");
});

describe("what a config.mc says", () => {
  test("every setting knows its line", () => {
    const { origins } = fromMc("OSTYPE(`linux')\ndefine(`confMAX_HOP', `17')\nMAILER(`smtp')\n");
    assert.deepEqual(origins.get("smtp.maxHops"), { file: "config.mc", line: 2 });
  });

  test("domains, users and their files", () => {
    const settings = settingsOf(
      [
        "RELAY_DOMAIN(`a.example b.example')",
        "RELAY_DOMAIN_FILE(`/etc/mail/more-relays')",
        "LOCAL_DOMAIN(`c.example')",
        "MASQUERADE_DOMAIN_FILE(`/etc/mail/masq')",
        "MASQUERADE_EXCEPTION(`d.example')",
        "EXPOSED_USER(`root operator')",
        "EXPOSED_USER_FILE(`/etc/mail/exposed')",
        "VIRTUSER_DOMAIN(`v.example')",
        "VIRTUSER_DOMAIN_FILE(`-o /etc/mail/gone')",
        "GENERICS_DOMAIN(`g.example')",
        "GENERICS_DOMAIN_FILE(`/etc/mail/generics-domains')",
        "LOCAL_USER(`lu')",
      ].join("\n"),
      {
        "/etc/mail/more-relays": "# ours\nr1.example\nr2.example more\n",
        "/etc/mail/masq": "m1.example",
        "/etc/mail/exposed": "exp\n",
      },
    );
    // What virtusertable serves is relayed to, as in Sendmail.
    assert.deepEqual(settings.domains.relay, [
      "a.example",
      "b.example",
      "v.example",
      "r1.example",
      "r2.example",
    ]);
    assert.equal(settings.tables.relayDomains, "etc/mail/relay-domains");
    assert.deepEqual(settings.domains.local, ["localhost", "c.example"]);
    assert.deepEqual(settings.rewrite.masqueradeDomains, ["m1.example"]);
    assert.deepEqual(settings.rewrite.masqueradeExceptions, ["d.example"]);
    assert.deepEqual(settings.rewrite.exposedUsers, ["root", "operator", "exp"]);
    assert.deepEqual(settings.domains.virtual, ["v.example"]);
    assert.deepEqual(settings.domains.generics, ["g.example"]);
    assert.equal(settings.tables.genericsDomains, "etc/mail/generics-domains");
    assert.deepEqual(settings.routing.localUsers, ["lu"]);
  });

  test("where mail goes", () => {
    const settings = settingsOf(
      "define(`SMART_HOST', `[relay.isp.example]')define(`RELAY_MAILER_ARGS', `TCP $h 587')\n" +
        "define(`LUSER_RELAY', `local:postmaster')define(`MAIL_HUB', `hub.example')define(`LOCAL_RELAY', `lr.example')\n" +
        "define(`confFALLBACK_MX', `[fb.example]')define(`ESMTP_MAILER_ARGS', `TCP $h 2525')\n" +
        "define(`confDOMAIN_NAME', `$w.company.example')",
    );
    assert.equal(settings.relay.smartHost, "[relay.isp.example]:587");
    assert.equal(settings.relay.port, 2525);
    assert.equal(settings.routing.luserRelay, "local:postmaster");
    assert.equal(settings.routing.mailHub, "hub.example");
    assert.equal(settings.routing.localRelay, "lr.example");
    assert.equal(settings.routing.fallbackMx, "[fb.example]");
    assert.equal(settings.hostname, "host.company.example");
  });

  test("ports: Port=0 stays, s is smtps, no_default_msa leaves 587 out", () => {
    const { smtp } = settingsOf(
      "FEATURE(`no_default_msa')\nDAEMON_OPTIONS(`Port=0, Addr=127.0.0.1, Name=MTA')\n" +
        "DAEMON_OPTIONS(`Port=0, Addr=127.0.0.1, Name=MSA, M=Ea')\nDAEMON_OPTIONS(`Family=inet6, Port=465, M=s')",
    );
    assert.deepEqual(smtp.listen, [{ host: "127.0.0.1", port: 0 }]);
    assert.deepEqual(smtp.submission, [{ host: "127.0.0.1", port: 0 }]);
    assert.deepEqual(smtp.smtps, [{ host: "::", port: 465 }]);
  });

  test("mailhost's own settings, checked like those of mailhost.yaml", () => {
    const settings = settingsOf(
      "MAILHOST_SETTING(`dns.servers', `127.0.0.1:5353')\nMAILHOST_SETTING(`pop3.listen', `[127.0.0.1:0, \"[::1]:0\"]')\n" +
        "MAILHOST_SETTING(`queue.interval', `1s')\nMAILHOST_SETTING(`drac.enabled', `true')",
    );
    assert.deepEqual(settings.dns.servers, [{ host: "127.0.0.1", port: 5353 }]);
    assert.deepEqual(settings.pop3.listen, [
      { host: "127.0.0.1", port: 0 },
      { host: "::1", port: 0 },
    ]);
    assert.equal(settings.queue.interval, 1000);
    assert.equal(settings.drac.enabled, true);
    assert.throws(
      () => fromMc("MAILHOST_SETTING(`dns.server', `x')"),
      /config\.mc:1: dns\.server: unknown setting; did you mean dns\.servers\?/,
    );
    assert.throws(
      () => fromMc("MAILHOST_SETTING(`queue.interval', `often')"),
      /config\.mc:1: queue\.interval: expected a duration/,
    );
  });

  test("nullclient", () => {
    const { settings } = fromMc("OSTYPE(`linux')\nFEATURE(`nullclient', `hub.example')\n");
    assert.equal(settings.routing.nullClient, "hub.example");
    assert.equal(settings.routing.mailHub, undefined);
    assert.equal(settings.relay.smartHost, undefined);
    assert.equal(settings.rewrite.masqueradeAs, "hub.example");
    assert.equal(settings.rewrite.masqueradeEnvelope, true);
    assert.deepEqual(settings.tables.aliases, []);
  });

  test("block lists, with what they answer", () => {
    const { policy } = settingsOf(
      "FEATURE(`dnsbl', `a.example')\nFEATURE(`dnsbl', `b.example', `\"550 See \" $&{client_addr} \" there\"')\n" +
        "FEATURE(`dnsbl', `c.example', `', `t')\nFEATURE(`enhdnsbl', `d.example', `quarantine')",
    );
    assert.deepEqual(policy.dnsbl, [
      "a.example",
      "b.example 550 See $&{client_addr} there",
      "c.example;t",
      "d.example quarantine",
    ]);
  });

  test("macros of the site's own, and parts in other files", () => {
    const settings = settingsOf(
      "define(`OURS', `ours.example')dnl\nMASQUERADE_AS(OURS)\ninclude(`more.mc')",
      {
        "more.mc": "RELAY_DOMAIN(OURS)\nifdef(`nothing', `RELAY_DOMAIN(`no.example')')",
      },
    );
    assert.equal(settings.rewrite.masqueradeAs, "ours.example");
    assert.deepEqual(settings.domains.relay, ["ours.example"]);
  });

  test("a company's own DOMAIN file", () => {
    const files = {
      "../domain/company.m4": "divert(-1)\nwords\ndivert(0)\nMASQUERADE_AS(`company.example')",
    };
    assert.equal(settingsOf("DOMAIN(`company')", files).rewrite.masqueradeAs, "company.example");
  });

  test("raw lines in LOCAL_CONFIG count", () => {
    const settings = settingsOf(
      "MAILER(`local')\nLOCAL_CONFIG\nO MaxHopCount=9\nCwraw.example\nDMraw-masq.example\n# a remark",
    );
    assert.equal(settings.smtp.maxHops, 9);
    assert.equal(settings.rewrite.masqueradeAs, "raw-masq.example");
    assert.deepEqual(settings.domains.local, ["localhost", "raw.example"]);
  });

  test("sizes and limits: 0 is none", () => {
    const settings = settingsOf(
      "define(`confMAX_MESSAGE_SIZE', `1000000')define(`confMAX_RCPTS_PER_MESSAGE', `0')",
    );
    assert.equal(settings.smtp.maxMessageSize, 1_000_000);
    assert.equal(settings.smtp.maxRecipients, Number.MAX_SAFE_INTEGER);
    assert.equal(settingsOf("").smtp.maxMessageSize, Number.MAX_SAFE_INTEGER);
  });

  test("times have the units that Sendmail gives them", () => {
    const { timeouts, queue } = settingsOf(
      "define(`confTO_MAIL', `3')define(`confTO_QUEUERETURN', `2')define(`confTO_QUEUEWARN', `1h30m')define(`confMIN_QUEUE_AGE', `7')",
    );
    assert.equal(timeouts.mail, 3 * 60_000);
    assert.equal(queue.returnAfter, 2 * 86_400_000);
    assert.equal(queue.warnAfter, 5_400_000);
    assert.equal(queue.minAge, 7 * 60_000);
  });
});
