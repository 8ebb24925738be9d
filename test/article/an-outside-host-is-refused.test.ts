/** The article, section 6: who is not in access may write to our users and to nobody else. */
import { test } from "node:test";
import { dialogue } from "../harness/dialogue.ts";
import { OUTSIDE, startHost } from "../harness/host.ts";

test("an outside host reaches our users and is refused everybody else", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  await dialogue(
    host.smtp,
    `
    S: 220 mail.linuxaid.com.cn ESMTP …
    C: EHLO mx.example.net
    S* 250
    C: MAIL FROM:<friend@example.net>
    S: 250 2.1.0 <friend@example.net>... Sender ok
    C: RCPT TO:<other@example.com>
    S: 550 5.7.1 <other@example.com>... Relaying denied
    C: RCPT TO:<nobody-here@linuxaid.com.cn>
    S: 550 5.1.1 <nobody-here@linuxaid.com.cn>... User unknown
    # the ways around: routes, percent hacks, quoted local parts, a literal of ours
    C: RCPT TO:<other%example.com@linuxaid.com.cn>
    S: 550 5.…
    C: RCPT TO:<"other@example.com"@linuxaid.com.cn>
    S: 550 5.…
    C: RCPT TO:<other@[127.0.0.44]>
    S: 550 5.7.1 <other@[127.0.0.44]>... Relaying denied
    C: RCPT TO:<wang@linuxaid.com.cn>
    S: 250 2.1.5 <wang@linuxaid.com.cn>... Recipient ok
    C: DATA
    S: 354 …
    C: Subject: from outside
    C:
    C: hello
    C: .
    S: 250 2.0.0 … Message accepted for delivery
    C: QUIT
    S: 221 2.0.0 …
    `,
    { from: OUTSIDE },
  );
  await host.arrived("wang");
  await host.logged(
    /ruleset=check_rcpt, arg1=<other@example\.com>, relay=.*\[127\.0\.0\.9\].*, reject=550 5\.7\.1 <other@example\.com>\.\.\. Relaying denied/,
  );
});
