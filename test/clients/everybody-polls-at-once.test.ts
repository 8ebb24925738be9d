/**
 * fetchmail, mpop, getmail, poplib, curl, node-pop3, mutt and s-nail poll one mailbox at the same time, while SMTP, procmail and a program with a dot lock of its own
 * deliver into it: each of them gets every message whole, and whoever finds the mailbox in use comes again.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { test } from "node:test";
import Pop3Command from "node-pop3";
import { eventually } from "../harness/eventually.ts";
import { runGetmail } from "../harness/getmail.ts";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { IS_ROOT, SOMEBODY } from "../harness/local-users.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { needs, type Ran, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

/** Messages of each of the three that deliver. */
const EACH = 4;
const SOURCES = ["smtp", "procmail", "dotlock"] as const;
const NAMES = SOURCES.flatMap((source) => Array.from({ length: EACH }, (_, i) => `${source}-${i}`));
/** Milliseconds for everybody to have everything. */
const WITHIN = 240_000;

/** A body that shows whether it is whole. */
function bodyOf(name: string): string {
  return `begin ${name}\n.\nFrom within\n${`${name} `.repeat(100)}\nend ${name}\n`;
}

/** The names of the messages that are whole in what a program has fetched. */
function wholeIn(text: string): string[] {
  const lines = text.replaceAll("\r\n", "\n").replaceAll(/^>+From /gm, "From ");
  return NAMES.filter((name) => lines.includes(bodyOf(name)));
}

const NEEDS = needs(
  ...(["fetchmail", "mpop", "getmail", "python3", "curl", "mutt", "script", "s-nail"] as const),
  ...(["procmail", "dotlockfile"] as const),
);

test("whoever polls a mailbox gets all that is delivered into it meanwhile", NEEDS, async (t) => {
  const host = await startHost(t, { users: ["wang"], settings: { lockTimeout: "20s" } });
  const clients = {
    fetchmail: fetchmail(host),
    mpop: mpop(host),
    getmail: await getmail(host),
    poplib: poplib(host),
    curl: curl(host),
    "node-pop3": nodePop3(host),
    mutt: mutt(host),
    "s-nail": snail(host),
  };
  const end = Date.now() + WITHIN;
  let busy = 0;
  const poll = async ([name, run]: [string, () => Promise<Ran>]) => {
    const file = host.path(`${name}.fetched`);
    const fetched = () => (existsSync(file) ? readFileSync(file, "latin1") : "");
    for (let last = ""; wholeIn(fetched()).length < NAMES.length; ) {
      if (Date.now() > end) {
        assert.fail(`${name} has ${wholeIn(fetched()).length} of ${NAMES.length}; it last said\n${last}`);
      }
      // Whoever has all that there is waits for more, so that the slow have their turn too.
      const has = wholeIn(fetched()).length;
      await eventually(() => host.mailbox("wang").length > has, { within: WITHIN, what: `mail for ${name}` });
      const { stdout, stderr } = await run();
      last = `${stdout}\n${stderr}`;
      if (/IN-USE|lock busy|in use/i.test(last)) busy++;
    }
  };
  await Promise.all([bySmtp(host), byProcmail(host), byDotlock(host), ...Object.entries(clients).map(poll)]);
  t.diagnostic(`${busy} times the mailbox was in use for over a second`);

  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await session.count(), NAMES.length);
  const seen: string[] = [];
  for (let n = 1; n <= NAMES.length; n++) {
    seen.push(...wholeIn((await session.retrieve(n)).toString("latin1")));
    await session.command(`DELE ${n}`);
  }
  assert.match(await session.quit(), /^\+OK/);
  assert.deepEqual(seen.toSorted(), NAMES.toSorted(), "each is there once");
  assert.equal(host.read("var/spool/mail/wang"), "");
});

async function bySmtp(host: MailHost): Promise<void> {
  const envelope = { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
  for (let i = 0; i < EACH; i++) {
    const text = mailText(`smtp-${i}`, bodyOf(`smtp-${i}`).replaceAll("\n", "\r\n"));
    assert.equal((await sendMail(host.smtp, envelope, text)).code, 250);
  }
}

const FROM = "From li@linuxaid.com.cn Tue Nov 24 21:59:01 2026\n";
const inMbox = (name: string) => `${FROM}${mailText(name, bodyOf(name)).replaceAll("\r\n", "\n")}`;

async function byProcmail(host: MailHost): Promise<void> {
  host.write("procmailrc", `LOCKSLEEP=1\nSHELL=/bin/sh\n:0:\n${host.path("var/spool/mail/wang")}\n`);
  for (let i = 0; i < EACH; i++) {
    const ran = await runProgram("procmail", ["-m", host.path("procmailrc")], {
      input: inMbox(`procmail-${i}`),
    });
    assert.equal(ran.code, 0, ran.stderr);
  }
}

/** A program that knows nothing but dot locks. */
async function byDotlock(host: MailHost): Promise<void> {
  const mbox = host.path("var/spool/mail/wang");
  const script = `dotlockfile -l -r 20 "${mbox}.lock" && cat >> "${mbox}" && dotlockfile -u "${mbox}.lock"`;
  for (let i = 0; i < EACH; i++) {
    const quoted = `${inMbox(`dotlock-${i}`).replaceAll(/^From (?=within)/gm, ">From ")}\n`;
    const ran = await runProgram("sh", ["-c", script], { input: quoted, within: WITHIN });
    assert.equal(ran.code, 0, ran.stderr);
  }
}

function fetchmail(host: MailHost): () => Promise<Ran> {
  host.write(
    "fetchmail.rc",
    `poll 127.0.0.1 protocol POP3 port ${host.pop3.port} auth password uidl\n  user "wang" password "${PASSWORD}" ` +
      `sslproto "" no rewrite keep mda "cat >> '${host.path("fetchmail.fetched")}'"\n`,
  );
  chmodSync(host.path("fetchmail.rc"), 0o600);
  const files = [
    "--fetchmailrc",
    host.path("fetchmail.rc"),
    "--idfile",
    host.path("ids"),
    "--pidfile",
    host.path("pid"),
  ];
  return () => runProgram("fetchmail", files, { env: { HOME: host.root, FETCHMAILHOME: host.root } });
}

function mpop(host: MailHost): () => Promise<Ran> {
  host.write(
    "mpop.rc",
    `account wang\nhost 127.0.0.1\nport ${host.pop3.port}\nuser wang\npassword "${PASSWORD}"\ntls off\nauth user\nkeep on\n` +
      `received_header off\ndelivery mbox ${host.path("mpop.fetched")}\nuidls_file ${host.path("uidls")}\n`,
  );
  chmodSync(host.path("mpop.rc"), 0o600);
  return () => runProgram("mpop", [`--file=${host.path("mpop.rc")}`, "--quiet", "wang"]);
}

async function getmail(host: MailHost): Promise<() => Promise<Ran>> {
  mkdirSync(host.path("getmail"));
  host.write("getmail.fetched", "");
  if (IS_ROOT) {
    // It delivers nothing as root.
    chmodSync(host.root, 0o755);
    const { stdout } = await runProgram("id", ["-u", SOMEBODY]);
    chownSync(host.path("getmail.fetched"), Number(stdout), -1);
  }
  host.write(
    "getmail/getmailrc",
    `[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = ${host.pop3.port}\nusername = wang\npassword = ${PASSWORD}\n` +
      `[destination]\ntype = Mboxrd\npath = ${host.path("getmail.fetched")}\n${IS_ROOT ? `user = ${SOMEBODY}\n` : ""}` +
      "[options]\nverbose = 0\nreceived = false\ndelivered_to = false\nread_all = false\n",
  );
  return () => runGetmail(["-g", host.path("getmail")], { env: { HOME: host.root }, within: WITHIN });
}

const POPLIB = `
import os, poplib, sys
pop = poplib.POP3('127.0.0.1', int(sys.argv[1]), timeout=20)
pop.user('wang'); pop.pass_(sys.argv[2])
seen = sys.argv[3] + '.seen'
known = open(seen).read().split() if os.path.exists(seen) else []
for line in pop.uidl()[1]:
    number, uid = line.decode().split()
    if uid in known: continue
    text = b'\\n'.join(pop.retr(int(number))[1]) + b'\\n'
    open(sys.argv[3], 'ab').write(text)
    open(seen, 'a').write(uid + '\\n')
pop.quit()
`;

function poplib(host: MailHost): () => Promise<Ran> {
  return () =>
    runProgram("python3", ["-c", POPLIB, String(host.pop3.port), PASSWORD, host.path("poplib.fetched")]);
}

/** Keeps no ids: it fetches all that there is each time. */
function curl(host: MailHost): () => Promise<Ran> {
  const get = (path: string) => {
    const url = `pop3://127.0.0.1:${host.pop3.port}/${path}`;
    return runProgram("curl", ["--silent", "--show-error", "--user", `wang:${PASSWORD}`, url]);
  };
  return async () => {
    const list = await get("");
    const { length } = list.stdout.trim().split("\n");
    const ran = list.code === 0 ? await get(`[1-${length}]`) : list;
    // 67 is a login that was refused, as one is while another session has the mailbox.
    if (ran.code === 0) host.write("curl.fetched", Buffer.from(ran.stdout, "utf8").toString("latin1"));
    return { ...ran, stdout: "" };
  };
}

/** As curl; it leaves the dots of dot-stuffing in. */
function nodePop3(host: MailHost): () => Promise<Ran> {
  return async () => {
    const pop = new Pop3Command({ user: "wang", password: PASSWORD, ...host.pop3, timeout: 20_000 });
    const texts: string[] = [];
    let stderr = "";
    try {
      const [count = "0"] = ((await pop.STAT()) as string).split(" ");
      for (let n = 1; n <= Number(count); n++) texts.push(`${await pop.RETR(n)}\r\n`.replace(/^\.\./gm, "."));
      await pop.QUIT();
      host.write("node-pop3.fetched", texts.join(""));
    } catch (error) {
      stderr = String(error);
    }
    return { code: stderr === "" ? 0 : 1, stdout: "", stderr };
  };
}

/** Its own POP folder, of which it copies all into a file; it wants a terminal. */
function mutt(host: MailHost): () => Promise<Ran> {
  const fetched = host.path("mutt.fetched");
  host.write(
    "muttrc",
    `set pop_pass="${PASSWORD}"\nset pop_authenticators="user"\nset ssl_starttls=no\nset ssl_force_tls=no\nset pop_checkinterval=0\n` +
      "set confirmcreate=no\nset confirmappend=no\nset delete=no\nset quit=yes\nset move=no\nset mbox_type=mbox\nset wait_key=no\n",
  );
  const keys = `<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>${fetched}<enter><exit>`;
  const command = `stty rows 24 cols 200; exec mutt -n -F "${host.path("muttrc")}" -f "pop://wang@127.0.0.1:${host.pop3.port}/" -e 'push "${keys}"'`;
  return () => {
    rmSync(fetched, { force: true });
    const env = { TERM: "vt100", HOME: host.root };
    return runProgram("script", ["-qec", command, "/dev/null"], { env, within: WITHIN });
  };
}

/** Likewise. */
function snail(host: MailHost): () => Promise<Ran> {
  const fetched = host.path("s-nail.fetched");
  const folder = `pop3://wang:${encodeURIComponent(PASSWORD)}@127.0.0.1:${host.pop3.port}`;
  const options = ["-:/", "-#", "-Sv15-compat", "-Snopop3-use-starttls", "-Spop3-auth=plain"];
  return () => {
    rmSync(fetched, { force: true });
    const input = `copy * "${fetched}"\nexit\n`;
    return runProgram("s-nail", [...options, "-f", folder], {
      input,
      env: { HOME: host.root },
      within: WITHIN,
    });
  };
}
