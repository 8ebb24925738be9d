/**
 * A host, or a popper, that somebody starts who is not root has nobody to check the system's passwords: a name that is not there,
 * one of the system's and a wrong password are answered alike, and all of them count as guesses.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { PASSWORD, prepareSite, startOn } from "../harness/host.ts";
import { SOMEBODY } from "../harness/local-users.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import { needs, runProgram } from "../harness/programs.ts";

const POPPER = fileURLToPath(new URL("../../packages/pop3/bin/popper.js", import.meta.url));

test(
  "without root, names of nobody, of the system and of the file are refused alike",
  needs("setpriv"),
  async (t) => {
    const site = await prepareSite(t, { users: ["alice"], settings: { accounts: ["file", "system"] } });
    const isRoot = process.getuid?.() === 0;
    if (isRoot) assert.equal((await runProgram("chown", ["-R", SOMEBODY, site.root])).code, 0);
    const asSomebody = isRoot ? ["setpriv", `--reuid=${SOMEBODY}`, "--clear-groups"] : [];
    const host = await startOn(t, site, asSomebody);
    for (const name of ["alice", "nosuchname", "root"]) {
      const client = await openPop3(host.pop3);
      assert.match(await client.login(name, "guessed"), /^-ERR \[AUTH\]/, name);
      client.close();
      await host.logged(new RegExp(`\\[AUTH\\] Failed attempted login to ${name} from`));
    }
    const client = await openPop3(host.pop3);
    assert.match(await client.login("alice", PASSWORD), /^\+OK/);
    await client.quit();
    const [command, ...args] = [...asSomebody, process.execPath, POPPER];
    assert.ok(command !== undefined);
    await runProgram(command, args, {
      env: { MAILHOST_ROOT: site.root },
      input: "USER strangername\r\nPASS guessed\r\nQUIT\r\n",
    });
    await host.logged(/\[AUTH\] Failed attempted login to strangername/);
  },
);
