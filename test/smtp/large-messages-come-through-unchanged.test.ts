/** Large messages, side by side and one right behind the other in the same stream, arrive octet by octet as they were sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Encryption, openEncrypted } from "../harness/encrypted-smtp.ts";
import { PASSWORD, startHost } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";

const USERS = ["wang", "zhang", "li"] as const;
const ODD = ["", ".", "..", ".x", "From here on", ">From there", "a\rb"];

/** Lines that are in no other message nor at another place of it, some of them such as are stuffed or quoted. */
function text(name: string, lines: number): string {
  const body = Array.from({ length: lines }, (_, i) => {
    const odd = i % 97 === 0 ? `${ODD[(i / 97) % ODD.length]}\r\n` : "";
    return `${odd}${name} ${i} ${"0123456789".repeat(i % 9)}\r\n`;
  });
  return `Subject: ${name}\r\n\r\n${body.join("")}`;
}

const stuffed = (message: string) => `${message.replaceAll(/^\./gm, "..")}.\r\n`;
const transaction = (user: string) =>
  `MAIL FROM:<a@example.net>\r\nRCPT TO:<${user}@linuxaid.com.cn>\r\nDATA\r\n`;

for (const encryption of ["none", "STARTTLS"] satisfies Encryption[]) {
  test(`messages of 2 MiB and small ones in one stream, three clients at once, encryption: ${encryption}`, async (t) => {
    const host = await startHost(t, { users: [...USERS], settings: { tls: { selfSigned: true } } });
    const sizes = [40_000, 3, 25_000, 2000, 31_000];
    await Promise.all(
      USERS.map(async (user) => {
        const client = await openEncrypted(host.smtp, encryption);
        // What follows the final dot comes with it: the next commands, and its message right behind them.
        const stream = sizes.map((lines, i) => transaction(user) + stuffed(text(`${user}-${i}`, lines)));
        const writing = client.connection.write(Buffer.from(`${stream.join("")}QUIT\r\n`, "latin1"));
        const codes: number[] = [];
        for (let i = 0; i < 4 * sizes.length + 1; i++) codes.push((await client.read()).code);
        await writing;
        client.close();
        assert.deepEqual(codes, [...sizes.flatMap(() => [250, 250, 354, 250]), 221]);
      }),
    );
    for (const user of USERS) {
      await host.arrived(user, sizes.length);
      const session = await loggedIn(host.pop3, user, PASSWORD);
      const found = new Map<string, string>();
      for (let number = 1; number <= sizes.length; number++) {
        const message = (await session.retrieve(number)).toString("latin1");
        const at = message.indexOf("Subject: ");
        found.set(/^Subject: (\S+)/m.exec(message)![1]!, message.slice(at));
      }
      await session.quit();
      for (const [i, lines] of sizes.entries()) {
        const name = `${user}-${i}`;
        assert.ok(found.get(name) === text(name, lines), `${name} is not as it was sent`);
      }
    }
  });
}
