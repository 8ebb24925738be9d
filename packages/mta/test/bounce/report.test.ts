import assert from "node:assert/strict";
import test from "node:test";
import { decideReports, type Settled } from "../../src/bounce/report.ts";
import { entryOf, local, remote } from "../queue/queue-samples.ts";

function settled(more: Partial<Settled>): Settled {
  return { failed: [], delayed: [], delivered: [], ...more };
}

function kinds(decision: ReturnType<typeof decideReports>): string[] {
  return decision.reports.map((r) => `${r.kind} to ${r.to}: ${r.recipients.map((x) => x.address).join(" ")}`);
}

test("without NOTIFY failures and delays are reported, deliveries are not", () => {
  const entry = entryOf();
  const [a, b, c] = [remote("a@x"), remote("b@x"), remote("c@x")];
  assert.deepEqual(kinds(decideReports(entry, settled({ failed: [a], delayed: [b], delivered: [c] }))), [
    "failure to sender@origin.example: a@x",
    "delay to sender@origin.example: b@x",
  ]);
});

test("NOTIFY says what is reported", () => {
  const never = remote("never@x", { notify: ["NEVER"] });
  const success = remote("success@x", { notify: ["SUCCESS"] });
  const failure = remote("failure@x", { notify: ["FAILURE"] });
  const delay = remote("delay@x", { notify: ["DELAY", "FAILURE"] });
  const all = [never, success, failure, delay];
  assert.deepEqual(kinds(decideReports(entryOf(), { failed: all, delayed: all, delivered: all })), [
    "failure to sender@origin.example: failure@x delay@x",
    "delay to sender@origin.example: delay@x",
    "success to sender@origin.example: success@x",
  ]);
});

test("a host that took over the notices sends them itself", () => {
  const relayed = remote("a@x", { notify: ["SUCCESS"], dsnRelayed: true });
  assert.deepEqual(decideReports(entryOf(), settled({ delivered: [relayed] })).reports, []);
});

test("a message from <> never causes a report to its sender", () => {
  const failed = [local("a@x", { notify: ["NEVER"] })];
  const mail = decideReports(entryOf({ sender: "" }), { failed, delayed: failed, delivered: failed });
  assert.deepEqual(kinds(mail), ["double-bounce to postmaster: a@x"]);
  const report = decideReports(entryOf({ sender: "", isReport: true }), settled({ failed }));
  assert.deepEqual(report, { reports: [], dropped: failed });
});

test("many recipients make several reports", () => {
  const failed = Array.from({ length: 45 }, (_, i) => remote(`r${i}@x`));
  const { reports } = decideReports(entryOf(), settled({ failed }));
  assert.deepEqual(
    reports.map((r) => r.recipients.length),
    [20, 20, 5],
  );
});
