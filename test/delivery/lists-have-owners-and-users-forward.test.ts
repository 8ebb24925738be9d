/** A list in a file with an owner, users' `.forward` files, virtual users and a relay for unknown names, as a whole host has them. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import {
  ARTICLE_FILES,
  type HostOptions,
  LAN,
  type MailHost,
  OUTSIDE,
  prepareSite,
  startOn,
} from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

/** Users of the system, with homes below the root; they are whoever runs the test. */
const USERS = ["wang", "li", "zhao"];

/** A host whose other mail goes to a sink at the given address. */
async function hostWith(
  t: TestContext,
  address: string,
  files: (root: string) => Readonly<Record<string, string>>,
  settings: HostOptions["settings"] = {},
) {
  const sink = await startSink(address, 0);
  t.after(() => sink.close());
  const site = await prepareSite(t, {
    settings: {
      accounts: ["system"],
      relay: { smartHost: `[${address}]:${sink.port}` },
      ...settings,
      local: { defaultUser: `${process.getuid!()}:${process.getgid!()}`, programDirectory: false },
    },
  });
  chmodSync(site.root, 0o755);
  const line = (user: string, shell: string) =>
    `${user}:x:${process.getuid!()}:${process.getgid!()}::${site.root}/users/${user}:${shell}\n`;
  site.write(
    "etc/passwd",
    `${ARTICLE_FILES["etc/passwd"]}${USERS.map((u) => line(u, "/bin/sh")).join("")}${line("box", "/usr/sbin/nologin")}`,
  );
  for (const [name, text] of Object.entries(files(site.root))) {
    site.write(name, text);
    chmodSync(site.path(name), 0o644);
  }
  return { host: await startOn(t, site), sink };
}

const send = (host: MailHost, to: string, from = "someone@example.net") =>
  sendMail(host.smtp, { from, to }, mailText(to), { from: OUTSIDE });

test("a list in a file: each member gets it from the owner, who hears of the ones that cannot", async (t) => {
  const { host, sink } = await hostWith(t, "127.0.0.41", (root) => ({
    "etc/mail/aliases": `${ARTICLE_FILES["etc/mail/aliases"]}staff: wang,\n\t:include:${root}/lists/staff\nowner-staff: zhao\n`,
    "lists/staff": "# the others\nli, far@partner.example\nnobody-here\n",
  }));
  assert.equal((await send(host, "staff@linuxaid.com.cn")).code, 250);
  for (const user of ["wang", "li"]) {
    const [entry] = await host.arrived(user);
    assert.match(entry!.from, /^From zhao@mail\.linuxaid\.com\.cn /);
  }
  const [taken] = await sink.taken(1);
  assert.match(taken!.mail, /^<zhao@mail\.linuxaid\.com\.cn>/);
  const [report] = await host.arrived("zhao");
  assert.match(report!.from, /^From MAILER-DAEMON /);
  assert.match(report!.message.toString("utf8"), /nobody-here/);
  assert.equal(sink.messages.length, 1, "the author hears nothing of it");

  // The file is read anew for the next message.
  host.write("lists/staff", "zhao\n");
  await send(host, "staff@linuxaid.com.cn");
  await host.arrived("zhao", 2);
  host.write("lists/staff", "");
  chmodSync(host.path("lists/staff"), 0o666);
  await send(host, "staff@linuxaid.com.cn");
  await host.logged(/:include:\S+staff\.\.\. Cannot open \S+staff: Group writable file/);
});

test(".forward: a copy stays, the detail chooses another file, an unsafe one is passed over and named", async (t) => {
  const { host, sink } = await hostWith(t, "127.0.0.42", (root) => ({
    "users/wang/.forward": "\\wang, wang@partner.example\n",
    "users/wang/.forward+lists": "li\n",
    "users/zhao/.forward": "zhao@partner.example\n",
    "users/li/.forward": `\\li\n"|cat > ${root}/users/li/taken"\n`,
    "users/box/.forward": `|cat > ${root}/users/box/taken\n\\box\n`,
  }));
  chmodSync(host.path("users/zhao/.forward"), 0o664);
  await send(host, "wang@linuxaid.com.cn");
  await host.arrived("wang");
  const [taken] = await sink.taken(1);
  assert.match(taken!.recipients[0]!, /^<wang@partner\.example>/);
  assert.match(taken!.mail, /^<someone@example\.net>/);

  await send(host, "wang+lists@linuxaid.com.cn");
  await host.arrived("li");
  await eventually(
    () =>
      existsSync(host.path("users/li/taken")) &&
      /^Subject: /m.test(readFileSync(host.path("users/li/taken"), "utf8")),
    {
      what: "li's program",
    },
  );

  await send(host, "zhao@linuxaid.com.cn");
  await host.arrived("zhao");
  await host.logged(/forward \S+\/users\/zhao\/\.forward: Group writable file/);

  await send(host, "box@linuxaid.com.cn");
  await host.arrived("box");
  await host.logged(/User box@mail\.linuxaid\.com\.cn doesn't have a valid shell for mailing to programs/);
  assert.equal(existsSync(host.path("users/box/taken")), false);
  assert.equal(host.mailbox("wang").length, 1);
});

test("a .forward counts for the very next message once it is written, and no longer once it is removed", async (t) => {
  const { host } = await hostWith(t, "127.0.0.44", () => ({
    "users/li/.profile": "",
    "users/wang/.profile": "",
  }));
  const file = host.path("users/wang/.forward");
  let [stayed, went] = [0, 0];
  const mails = async (count: number, isForwarded: boolean) => {
    for (let i = 0; i < count; i++) {
      assert.equal((await send(host, "wang@linuxaid.com.cn")).code, 250);
      if (isForwarded) went++;
      else stayed++;
    }
    await host.arrived("wang", stayed);
    await host.arrived("li", went);
    assert.deepEqual([host.mailbox("wang").length, host.mailbox("li").length], [stayed, went]);
  };
  for (const way of ["written", "moved", "linked", "written"] as const) {
    await mails(3, false);
    if (way === "written") writeFileSync(file, "li\n", { mode: 0o644 });
    else writeFileSync(host.path("users/elsewhere"), "li\n", { mode: 0o644 });
    if (way === "moved") renameSync(host.path("users/elsewhere"), file);
    if (way === "linked") symlinkSync(host.path("users/elsewhere"), file);
    await mails(2, true);
    rmSync(file);
  }
  // The whole home goes, and comes back with one.
  await mails(2, false);
  renameSync(host.path("users/wang"), host.path("users/away"));
  await mails(2, false);
  writeFileSync(host.path("users/away/.forward"), "li\n", { mode: 0o644 });
  renameSync(host.path("users/away"), host.path("users/wang"));
  await mails(2, true);
});

test("virtual users, refusals, moved users and a relay for names that nobody has; trace tells the way", async (t) => {
  const { host, sink } = await hostWith(
    t,
    "127.0.0.43",
    () => ({
      "etc/mail/aliases": `${ARTICLE_FILES["etc/mail/aliases"]}moved: new@partner.example.REDIRECT\n`,
      "etc/mail/local-host-names": "linuxaid.com.cn\nvirtual.example\n",
      "etc/mail/virtusertable":
        "info@virtual.example\twang\ngone@virtual.example\terror:5.1.1:550 gone for good\n@virtual.example\t%1@linuxaid.com.cn\n",
    }),
    { routing: { redirect: true, luserRelay: "local:zhao" } },
  );
  assert.equal((await send(host, "info@virtual.example")).code, 250);
  await host.arrived("wang");
  assert.equal((await send(host, "li@virtual.example")).code, 250);
  await host.arrived("li");
  const gone = await send(host, "gone@virtual.example");
  assert.equal(gone.text, "5.1.1 <gone@virtual.example>... gone for good");
  const moved = await send(host, "moved@linuxaid.com.cn");
  assert.equal(moved.code, 551);
  assert.match(moved.text, /User has moved; please try <new@partner\.example>/);
  const direct = await send(host, '"|/bin/sh"@linuxaid.com.cn');
  assert.match(direct.text, /Cannot mail directly to programs/);
  assert.equal((await send(host, "unknown@linuxaid.com.cn")).code, 250);
  await host.arrived("zhao");
  assert.equal(sink.messages.length, 0);

  const trace = await host.mailhost(["trace", "--from-ip", LAN, "info@virtual.example"]);
  assert.match(trace.stdout, /virtusertable: info@virtual\.example: wang\n/);
});
