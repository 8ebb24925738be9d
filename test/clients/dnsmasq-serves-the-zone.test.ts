/** dnsmasq, a real name server, serves the article's zone: two MX hosts for linuxaid.com.cn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startNameServer } from "../harness/name-server.ts";
import { needs } from "../harness/programs.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

test(
  "another company's host finds the article's two MX hosts through dnsmasq",
  needs("dnsmasq"),
  async (t) => {
    const dnsPort = await startNameServer(t, [
      "--mx-host=linuxaid.com.cn,mail.linuxaid.com.cn,10",
      "--mx-host=linuxaid.com.cn,mail1.linuxaid.com.cn,20",
      "--host-record=mail.linuxaid.com.cn,127.0.0.120",
      "--host-record=mail1.linuxaid.com.cn,127.0.0.121",
      "--host-record=aidgroup.linuxaid.com.cn,127.0.0.122",
    ]);
    const mail = await startSink("127.0.0.120", 0, { name: "mail.linuxaid.com.cn" });
    t.after(() => mail.close());
    const mail1 = await startSink("127.0.0.121", mail.port, { name: "mail1.linuxaid.com.cn" });
    t.after(() => mail1.close());
    const aidgroup = await startSink("127.0.0.122", mail.port, { name: "aidgroup.linuxaid.com.cn" });
    t.after(() => aidgroup.close());
    const host = await startHost(t, {
      settings: {
        hostname: "mx.example.net",
        dns: { servers: [`127.0.0.1:${dnsPort}`] },
        relay: { port: mail.port },
        queue: { interval: "300ms" },
      },
      files: { "etc/mail/local-host-names": "example.net\n" },
    });
    const send = async (to: string) => {
      const reply = await sendMail(host.smtp, { from: "friend@example.net", to }, mailText(to));
      assert.equal(reply.code, 250, reply.text);
    };
    await send("ideal@linuxaid.com.cn");
    await mail.taken(1);
    assert.equal(mail1.connections, 0);
    await send("test@aidgroup.linuxaid.com.cn");
    await aidgroup.taken(1);
    await mail.close();
    await send("ideal@linuxaid.com.cn");
    await mail1.taken(1);
    await send("nobody@absent.linuxaid.com.cn");
    await host.logged(/to=<nobody@absent\.linuxaid\.com\.cn>,.* dsn=[45]\./);
  },
);
