/** Who programs run as: never as somebody's betters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ActingParts, actingFor, findSystemUser } from "../../src/deliver/controller.ts";

const PASSWD = [
  "root:x:0:0:root:/root:/bin/bash",
  "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
  "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin",
  "wang:x:1000:1001:Wang:/home/wang:",
].join("\n");

const parts = (uid: number, defaultUser = "daemon"): ActingParts => ({
  uid,
  defaultUser,
  findUser: (name) => findSystemUser(PASSWD, name),
  findGroup: (name) => (name === "mail" ? 8 : undefined),
});

test("root becomes the owner of a .forward, or the default user", () => {
  const wang = actingFor({ name: "wang", user: "wang" }, parts(0));
  assert.deepEqual(wang.kind === "user" && wang.become, { uid: 1000, gid: 1001 });
  assert.equal(wang.kind === "user" && wang.user?.shell, "/bin/sh");
  assert.deepEqual(actingFor({ name: "list" }, parts(0)), { kind: "user", become: { uid: 1, gid: 1 } });
  assert.deepEqual(actingFor({ name: "list" }, parts(0, "daemon:mail")), {
    kind: "user",
    become: { uid: 1, gid: 8 },
  });
});

test("nothing that mail causes runs as root", () => {
  assert.deepEqual(actingFor({ name: "root", user: "root" }, parts(0)), {
    kind: "user",
    become: { uid: 1, gid: 1 },
  });
});

test("anybody but root does its own things and refuses others' for now", () => {
  assert.deepEqual(actingFor({ name: "list" }, parts(8)), { kind: "user" });
  assert.equal(actingFor({ name: "wang", user: "wang" }, parts(1000)).kind, "user");
  const refused = actingFor({ name: "wang", user: "wang" }, parts(8));
  assert.equal(refused.kind, "refused");
  assert.equal(refused.kind === "refused" && refused.reply.code, 451);
  assert.match((refused.kind === "refused" && refused.reply.text) || "", /run: \{user: root\}/);
});

test("users that nobody knows are a temporary refusal too", () => {
  for (const [controller, user] of [
    [{ name: "x", user: "gone" }, "daemon"],
    [{ name: "list" }, "gone"],
    [{ name: "list" }, "daemon:gone"],
  ] as const) {
    const refused = actingFor(controller, parts(0, user));
    assert.equal(refused.kind === "refused" && refused.reply.enhanced, "4.3.5");
  }
});
