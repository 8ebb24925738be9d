import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type BoundPort, bindPort } from "@mailhost/common/daemon/bound-port";
import { parseSettings } from "@mailhost/common/settings/load";
import { bindPorts, readyLine } from "../../src/start/ports.ts";

const settings = (text: string) => parseSettings(text, "mailhost.yaml");
const NONE = "smtp: { listen: [], submission: [], smtps: [] }\npop3: { listen: [], pop3s: [] }\n";

function closing(t: TestContext, ports: readonly BoundPort[]): readonly BoundPort[] {
  t.after(() => {
    for (const port of ports) port.close();
  });
  return ports;
}

describe("binding ports", () => {
  test("port 0 becomes a number; a bound port that nobody serves refuses", async (t) => {
    const [port] = closing(
      t,
      await bindPorts(settings(NONE.replace("listen: []", 'listen: ["127.0.0.1:0"]')), true),
    );
    assert.equal(port?.kind, "smtp");
    assert.ok(port.address.port > 0);
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      connect(port.address.port, "127.0.0.1").once("error", resolve);
    });
    assert.equal(error.code, "ECONNREFUSED");
  });

  test("the kinds with implicit TLS need a certificate", async (t) => {
    const all = NONE.replace("smtps: []", 'smtps: ["127.0.0.1:0"]').replace(
      "pop3s: []",
      'pop3s: ["127.0.0.1:0"]',
    );
    assert.deepEqual(closing(t, await bindPorts(settings(all), false)), []);
    const kinds = closing(t, await bindPorts(settings(all), true)).map((p) => p.kind);
    assert.deepEqual(kinds, ["smtps", "pop3s"]);
  });

  test("an address that the machine does not have is a fault of the settings", () => {
    const expected = {
      exitCode: 78,
      message: /^cannot listen on 192\.0\.2\.1:2525: this machine does not have/,
    };
    assert.throws(() => bindPort("smtp", { host: "192.0.2.1", port: 2525 }), expected);
  });

  test("a name without an address is named", async () => {
    const text = NONE.replace("listen: []", 'listen: ["no-such-host.invalid:25"]');
    await assert.rejects(
      bindPorts(settings(text), true),
      /cannot listen on no-such-host\.invalid:25: .*smtp\.listen/,
    );
  });
});

test("the ready line names the kinds in their order, several addresses with commas", () => {
  const port = (kind: BoundPort["kind"], host: string, number: number): BoundPort => ({
    kind,
    address: { host, port: number },
    fd: 0,
    close: () => undefined,
  });
  const ports = [
    port("pop3", "127.0.0.1", 2110),
    port("smtp", "127.0.0.1", 2525),
    port("submission", "127.0.0.1", 2587),
    port("smtp", "::1", 2526),
  ];
  assert.equal(
    readyLine(ports),
    "mailhost ready smtp=127.0.0.1:2525,[::1]:2526 submission=127.0.0.1:2587 pop3=127.0.0.1:2110",
  );
});
