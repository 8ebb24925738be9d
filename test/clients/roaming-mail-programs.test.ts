/**
 * Programs people write and read mail with, on the road, against a certificate that they check: mutt, s-nail, git send-email and
 * mailutils log in and send by STARTTLS and on port 465, and fetch by STLS and on port 995, and complain of nothing.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { makeAuthority } from "../harness/authority.ts";
import { type MailHost, PASSWORD } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { needs, type Ran, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";
import { endpointOf, tlsHost, WAYS } from "../tls/tls-rig.ts";

const ROAMER = "wang@linuxaid.com.cn";
const NEIGHBOUR = "li@linuxaid.com.cn";
/** The name in the certificate. */
const HOST = "localhost";
const ENCODED = encodeURIComponent(PASSWORD);
const ENVIRONMENT = { TERM: "vt100", LC_ALL: "C" };

/** The ways to send and to fetch. */
const SENDING = ["submission", "smtps"] as const;
const FETCHING = ["pop3", "pop3s"] as const;

interface Rig {
  readonly host: MailHost;
  readonly caFile: string;
  readonly port: (name: (typeof WAYS)[number]["port"]) => number;
  /** Runs a program at home in the host's folder, which must be content. */
  readonly run: (command: string, args: readonly string[], input?: string) => Promise<Ran>;
}

async function rig(t: TestContext): Promise<Rig> {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: [HOST] }), { users: ["wang", "li"] });
  const port: Rig["port"] = (name) => endpointOf(host, WAYS.find((way) => way.port === name)!).port;
  const run: Rig["run"] = async (command, args, input = "") => {
    const ran = await runProgram(command, args, { input, env: { ...ENVIRONMENT, HOME: host.root } });
    // What mailutils chose is no complaint.
    const complaints = ran.stderr.replace("mail: selected authentication mechanism LOGIN\n", "");
    assert.deepEqual([ran.code, complaints], [0, ""], `${command}: ${ran.stdout}`);
    return ran;
  };
  return { host, caFile: authority.caFile, port, run };
}

/** The message came, encrypted and by a login. */
async function arrived(host: MailHost, count: number, subject: string): Promise<void> {
  const all = await host.arrived("li", count);
  const text = all.at(-1)!.message.toString();
  assert.match(text, new RegExp(`^Subject: ${subject.replaceAll(/[[\]]/g, "\\$&")}$`, "m"));
  assert.match(
    text,
    /\(authenticated bits=0\)\n\tby \S+ \(mailhost\) with ESMTPSA id \S+\n\t\(version=TLSv1\.3 /,
  );
}

/** Two messages that wait for the one who fetches. */
async function withMail(t: TestContext): Promise<Rig> {
  const made = await rig(t);
  for (const subject of ["the first", "the second"])
    assert.equal(
      (await sendMail(made.host.smtp, { from: NEIGHBOUR, to: ROAMER }, mailText(subject))).code,
      250,
    );
  await made.host.arrived("wang", 2);
  return made;
}

function assertFetched(host: MailHost, file: string): void {
  assert.ok(existsSync(host.path(file)), `${file} is missing`);
  const text = readFileSync(host.path(file), "latin1");
  for (const subject of ["the first", "the second"])
    assert.match(text, new RegExp(`^Subject: ${subject}$`, "m"));
}

/** Without this library of Perl's it cannot log in. */
function needsGit(): { skip?: string } {
  return spawnSync("perl", ["-MAuthen::SASL", "-e", "1"]).status === 0
    ? needs("git-send-email")
    : { skip: "needs Authen::SASL (Debian package libauthen-sasl-perl)" };
}

/** What mutt is told of certificates: no other than the authority's is trusted, and nothing goes in the clear. */
function muttTls(caFile: string): string {
  return `set sleep_time=0\nset ssl_force_tls=yes\nset ssl_starttls=yes\nset ssl_ca_certificates_file="${caFile}"\nset certificate_file="${caFile}"\n`;
}

test("mutt sends", needs("mutt"), async (t) => {
  const { host, caFile, port, run } = await rig(t);
  for (const [i, way] of SENDING.entries()) {
    const url = `${way === "smtps" ? "smtps" : "smtp"}://wang@${HOST}:${port(way)}/`;
    host.write(
      "muttrc",
      `${muttTls(caFile)}set smtp_url="${url}"\nset smtp_pass="${PASSWORD}"\nset from="${ROAMER}"\nset use_from=yes\n` +
        `set envelope_from_address="${ROAMER}"\nset use_envelope_from=yes\nset copy=no\n`,
    );
    await run("mutt", ["-n", "-F", host.path("muttrc"), "-s", `mutt ${way}`, NEIGHBOUR], "hello\n");
    await arrived(host, i + 1, `mutt ${way}`);
  }
});

test("mutt fetches", needs("mutt", "script"), async (t) => {
  const { host, caFile, port, run } = await withMail(t);
  for (const way of FETCHING) {
    host.write(
      "muttrc",
      `${muttTls(caFile)}set pop_pass="${PASSWORD}"\nset pop_authenticators="plain"\nset quit=yes\nset delete=no\nset move=no\n` +
        `set mbox_type=mbox\nset pop_checkinterval=0\nset folder="${host.root}"\nset confirmcreate=no\nset confirmappend=no\n`,
    );
    const folder = `${way === "pop3s" ? "pops" : "pop"}://wang@${HOST}:${port(way)}/`;
    const keys = `<tag-pattern>.<enter><tag-prefix><copy-message>${host.path(`mutt-${way}`)}<enter><exit>`;
    // It wants a terminal, which script(1) gives it.
    const command = `stty rows 24 cols 80; exec mutt -n -F "${host.path("muttrc")}" -f "${folder}" -e 'push "${keys}"'`;
    await run("script", ["-qec", command, "/dev/null"]);
    assertFetched(host, `mutt-${way}`);
  }
});

test("s-nail sends by PLAIN and LOGIN", needs("s-nail"), async (t) => {
  const { host, caFile, port, run } = await rig(t);
  let sent = 0;
  for (const way of SENDING) {
    for (const mechanism of ["plain", "login"]) {
      const mta = `-Smta=${way}://wang:${ENCODED}@${HOST}:${port(way)}`;
      const tls = ["-Stls-verify=strict", `-Stls-ca-file=${caFile}`];
      const starttls = way === "smtps" ? "-Snosmtp-use-starttls" : "-Ssmtp-use-starttls";
      const how = [mta, starttls, `-Ssmtp-auth=${mechanism}`, ...tls, `-Sfrom=${ROAMER}`];
      await run("s-nail", ["-:/", "-#", "-Sv15-compat", ...how, "-s", `s-nail ${way}`, NEIGHBOUR], "hello\n");
      await arrived(host, ++sent, `s-nail ${way}`);
    }
  }
});

test("git send-email sends", needsGit(), async (t) => {
  const { host, caFile, port, run } = await rig(t);
  host.write(
    "0001-mend.patch",
    `From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nFrom: Wang <${ROAMER}>\n` +
      "Date: Tue, 24 Nov 2026 21:59:01 +0800\nSubject: [PATCH] mend it\n\n---\n-- \n2.39.5\n",
  );
  host.write(".gitconfig", `[user]\n\tname = Wang\n\temail = ${ROAMER}\n`);
  for (const [i, way] of SENDING.entries()) {
    await run("git", [
      ...[
        "send-email",
        `--from=${ROAMER}`,
        `--to=${NEIGHBOUR}`,
        "--confirm=never",
        "--suppress-cc=all",
        "--quiet",
      ],
      ...[`--smtp-server=${HOST}`, `--smtp-server-port=${port(way)}`, `--smtp-ssl-cert-path=${caFile}`],
      ...[
        `--smtp-encryption=${way === "smtps" ? "ssl" : "tls"}`,
        "--smtp-user=wang",
        `--smtp-pass=${PASSWORD}`,
      ],
      host.path("0001-mend.patch"),
    ]);
    await arrived(host, i + 1, "[PATCH] mend it");
  }
});

test("mailutils' mail sends and movemail fetches", needs("mail", "movemail"), async (t) => {
  const { host, caFile, port, run } = await withMail(t);
  const trust = `--set=.tls.ssl-ca-file=${caFile}`;
  for (const [i, way] of SENDING.entries()) {
    const url = `${way === "smtps" ? "smtps" : "smtp"}://wang:${ENCODED}@${HOST}:${port(way)}`;
    await run(
      "mail",
      [trust, "-E", `set sendmail="${url}"`, "-r", ROAMER, "-s", `mail ${way}`, NEIGHBOUR],
      "hello\n",
    );
    await arrived(host, i + 1, `mail ${way}`);
  }
  for (const way of FETCHING) {
    const url = `${way === "pop3s" ? "pops" : "pop"}://wang:${ENCODED}@${HOST}:${port(way)}`;
    await run("movemail", ["--preserve", trust, url, host.path(`movemail-${way}`)]);
    assertFetched(host, `movemail-${way}`);
  }
});
