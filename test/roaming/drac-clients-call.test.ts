/**
 * Another server's DRAC client lets addresses relay: a client made by rpcgen over the system's RPC library finds us through a real
 * rpcbind, on UDP and TCP, as `rpcinfo` does.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { prepareSite } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

test(
  "rpcinfo and an rpcgen client reach the DRAC service through rpcbind",
  needs("unshare", "ip", "rpcbind", "rpcinfo", "rpcgen", "gcc"),
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "drac-client-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    for (const name of ["dracd.x", "drac-client.c"]) copyFileSync(here(name), join(folder, name));
    const make = [
      "rpcgen -h -o dracd.h dracd.x && rpcgen -c -o dracd_xdr.c dracd.x && rpcgen -l -o dracd_clnt.c dracd.x",
      "gcc -w -I/usr/include/tirpc -o drac-client drac-client.c dracd_xdr.c dracd_clnt.c -ltirpc",
    ].join(" && ");
    const made = await runProgram("sh", ["-c", make], { cwd: folder, within: 60_000 });
    assert.equal(made.code, 0, made.stderr);

    const site = await prepareSite(t, {
      settings: {
        drac: { rpcListen: ["127.0.0.1:0"], never: ["203.0.113"] },
        dns: { servers: ["127.0.0.1:9"] },
      },
    });
    const ran = await runProgram(
      "unshare",
      [
        ...[
          "--net",
          "--mount",
          here("rpcbind-and-clients.sh"),
          here("dracd-host.sh"),
          join(folder, "drac-client"),
        ],
        ...site.commandLine(["start"]),
        "--",
        ...site.commandLine(["drac", "list"]),
      ],
      { within: 90_000 },
    );
    const text = `${ran.stdout}\n${ran.stderr}\n${site.log()}`;
    assert.match(
      ran.stdout,
      /^rpcinfo: program 900101 version 1 ready and waiting program 900101 version 1 ready/m,
      text,
    );
    assert.match(ran.stdout, /^version 3: .*low version = 1, high version = 2/m, text);
    for (const name of ["udp", "tcp", "udp6"])
      assert.match(ran.stdout, new RegExp(`^${name}: 0$`, "m"), text);
    assert.match(ran.stdout, /^never: 1$/m, text);
    for (const ip of ["198.51.100.7", "198.51.100.8", "2001:db8:0:0:0:0:0:7"]) {
      assert.match(ran.stdout, new RegExp(`^${ip}\t.*\trpc:127\\.0\\.0\\.1$`, "m"), text);
    }
    assert.match(ran.stdout, /^stopped: 0$/m, "it is registered no longer");
  },
);
