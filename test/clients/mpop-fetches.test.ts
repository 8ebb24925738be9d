/** mpop fetches into an mbox of its own, knows by the unique ids what it has, and deletes. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

test(
  "mpop fetches each message once while it stays on the host, then deletes them",
  needs("mpop"),
  async (t) => {
    const host = await hostWithMail(t);
    host.write(
      "mpoprc",
      [
        ...[
          "account wang",
          "host 127.0.0.1",
          `port ${host.pop3.port}`,
          "user wang",
          `password "${PASSWORD}"`,
        ],
        ...["tls off", "auth user", "received_header off", `delivery mbox ${host.path("fetched")}`],
        `uidls_file ${host.path("uidls")}\n`,
      ].join("\n"),
    );
    chmodSync(host.path("mpoprc"), 0o600);
    const mpop = async (keep: "on" | "off") => {
      const ran = await runProgram("mpop", [
        `--file=${host.path("mpoprc")}`,
        `--keep=${keep}`,
        "--quiet",
        "wang",
      ]);
      assert.equal(ran.code, 0, ran.stderr);
      return readMbox(host.path("fetched"));
    };
    const first = await mpop("on");
    assert.equal(first.length, AWKWARD_BODIES.length);
    for (const [i, body] of AWKWARD_BODIES.entries()) {
      assert.ok(
        first[i]!.message.toString().endsWith(`\n\n${body.replaceAll("\r\n", "\n")}`),
        `message ${i + 1}`,
      );
    }
    await sendMail(
      host.smtp,
      { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" },
      mailText("one more"),
    );
    await host.arrived("wang", AWKWARD_BODIES.length + 1);
    await host.restart();
    host.write("mpoprc", host.read("mpoprc").replace(/^port .*$/m, `port ${host.pop3.port}`));
    assert.equal((await mpop("on")).length, AWKWARD_BODIES.length + 1, "only the new one");
    await mpop("off");
    assert.equal(host.mailbox("wang").length, 0);
  },
);
