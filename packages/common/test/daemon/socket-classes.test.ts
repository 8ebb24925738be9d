import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

/** Octets that 4,000 sockets add to what only a full collection finds, in a program of their own. */
function leftBehind(before: string): number {
  const program = `
    import { Socket } from "node:net";
    import { getHeapSpaceStatistics } from "node:v8";
    import { shareSocketClasses } from "@mailhost/common/daemon/socket-classes";
    const old = () => getHeapSpaceStatistics().reduce((sum, { space_name, space_used_size }) =>
      sum + (/^(old|map)_space$/.test(space_name) ? space_used_size : 0), 0);
    ${before}
    const make = () => { for (let i = 0; i < 4000; i += 1) new Socket({ allowHalfOpen: true, manualStart: true }); };
    make();
    const from = old();
    make();
    process.stdout.write(String(old() - from));`;
  const node = ["--conditions=@mailhost/source", "--import", "tsx", "--max-semi-space-size=8"];
  const ran = spawnSync(process.execPath, [...node, "--input-type=module", "-e", program], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  assert.equal(ran.stderr, "");
  return Number(ran.stdout);
}

test("sockets leave no hidden classes behind", () => {
  const shared = leftBehind("shareSocketClasses();");
  assert.ok(shared < 1_000_000, `${shared} octets`);
});

test("an engine without the fault is left alone", () => {
  const program = `
    import net from "node:net";
    import { syncBuiltinESMExports } from "node:module";
    let made = 0;
    net.Socket = class extends net.Socket { constructor(...given) { super(...given); made += 1; } };
    syncBuiltinESMExports();
    const { shareSocketClasses } = await import("@mailhost/common/daemon/socket-classes");
    shareSocketClasses("12.4.254.21-node.57");
    const mended = made;
    shareSocketClasses("11.3.244.8-node.38");
    process.stdout.write(String([mended, made > 0]));`;
  const node = ["--conditions=@mailhost/source", "--import", "tsx"];
  const ran = spawnSync(process.execPath, [...node, "--input-type=module", "-e", program], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  assert.equal(ran.stderr, "");
  assert.equal(ran.stdout, "0,true");
});
