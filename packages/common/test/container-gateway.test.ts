import assert from "node:assert/strict";
import { test } from "node:test";
import { containerGateways, defaultRoutes } from "../src/container-gateway.ts";

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
`;

function facts(files: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) {
  return { exists: (p: string) => p in files, read: (p: string) => files[p], environment };
}

test("the gateway of the default route, in a container only", () => {
  assert.deepEqual(containerGateways(facts({ "/.dockerenv": "", "/proc/net/route": ROUTES })), [
    "172.17.0.1",
  ]);
  assert.deepEqual(containerGateways(facts({ "/run/.containerenv": "", "/proc/net/route": ROUTES })), [
    "172.17.0.1",
  ]);
  assert.deepEqual(containerGateways(facts({ "/proc/net/route": ROUTES })), []);
  assert.deepEqual(containerGateways(facts({ "/.dockerenv": "" })), []);
});

test("the environment says it outright", () => {
  const environment = { MAILHOST_GATEWAY: "10.0.2.2, nonsense,fd00::1" };
  assert.deepEqual(containerGateways(facts({}, environment)), ["10.0.2.2", "fd00::1"]);
  assert.deepEqual(
    containerGateways(facts({ "/.dockerenv": "", "/proc/net/route": ROUTES }, { MAILHOST_GATEWAY: "" })),
    [],
  );
});

test("a broken route table names nothing", () => {
  assert.deepEqual(defaultRoutes("x\neth0 00000000 zz\n\neth0\n"), []);
});
