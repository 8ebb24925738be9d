/** The article, section 5: `netstat -ln | grep 110` shows that the port is open; so are 25 and 587. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";

/** `address:port` of every listening IPv4 socket, as netstat reads them from the kernel (state 0A). */
function listening(): string[] {
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A")
    .map((fields) => {
      const [address = "", port = ""] = fields[1]!.split(":");
      const octets = address.match(/../g)!.map((hex) => Number.parseInt(hex, 16));
      return `${octets.toReversed().join(".")}:${Number.parseInt(port, 16)}`;
    });
}

test(
  "the real ports listen: 25, 587 and 110",
  process.getuid?.() === 0 ? {} : { skip: "binding ports below 1024 is for root" },
  async (t) => {
    const at = "127.0.0.110";
    const host = await startHost(t, {
      settings: {
        smtp: { listen: [`${at}:25`], submission: [`${at}:587`] },
        pop3: { listen: [`${at}:110`] },
      },
    });
    assert.match(
      host.output,
      /^mailhost ready smtp=127\.0\.0\.110:25 submission=127\.0\.0\.110:587 pop3=127\.0\.0\.110:110$/m,
    );
    const open = listening();
    for (const port of [25, 587, 110])
      assert.ok(open.includes(`${at}:${port}`), `${port} among ${open.join(" ")}`);
    await host.stop();
    assert.ok(!listening().includes(`${at}:110`), "and no longer after the stop");
  },
);
