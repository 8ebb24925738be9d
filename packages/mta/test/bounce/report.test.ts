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
    "failure to sender@origin.example: failure@x delay@x success@x",
    "delay to sender@origin.example: delay@x",
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
  assert.deepEqual(kinds(report), ["double-bounce to postmaster: a@x"]);
  const double = { sender: "", isReport: true, isDoubleBounce: true } as const;
  assert.deepEqual(decideReports(entryOf(double), settled({ failed })), { reports: [], dropped: failed });
});

test("DoubleBounceAddress is another one, or nobody; noreceipts leaves receipts out", () => {
  const failed = [local("a@x")];
  const rules = { doubleBounceAddress: "lost@x", receipts: false };
  const bounce = decideReports(entryOf({ sender: "" }), settled({ failed }), rules);
  assert.deepEqual(kinds(bounce), ["double-bounce to lost@x: a@x"]);
  const nobody = decideReports(entryOf({ sender: "" }), settled({ failed }), {
    ...rules,
    doubleBounceAddress: "",
  });
  assert.deepEqual(nobody, { reports: [], dropped: [] });
  const delivered = [local("a@x", { notify: ["SUCCESS"] })];
  assert.deepEqual(kinds(decideReports(entryOf(), settled({ delivered }), rules)), []);
});

test("the owner of a list gets the reports on its members", () => {
  const failed = [remote("a@x", { sender: "owner-list@here" }), remote("b@x")];
  assert.deepEqual(kinds(decideReports(entryOf(), settled({ failed }))), [
    "failure to owner-list@here: a@x",
    "failure to sender@origin.example: b@x",
  ]);
  assert.deepEqual(kinds(decideReports(entryOf({ sender: "" }), settled({ failed }))), [
    "double-bounce to postmaster: b@x",
    "failure to owner-list@here: a@x",
  ]);
});

test("an alias that led to several is told of once, by itself or with the rest", () => {
  const expanded = [{ address: "all@here" }];
  const { reports } = decideReports(entryOf(), settled({ expanded }));
  assert.deepEqual(reports, [{ kind: "success", to: "sender@origin.example", recipients: [], expanded }]);
});

test("many recipients make several reports", () => {
  const failed = Array.from({ length: 45 }, (_, i) => remote(`r${i}@x`));
  const { reports } = decideReports(entryOf(), settled({ failed }));
  assert.deepEqual(
    reports.map((r) => r.recipients.length),
    [20, 20, 5],
  );
});
