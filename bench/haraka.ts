/**
 * Haraka, which takes mail for the domain of the load and forgets it. It is no dependency of ours: MAILHOST_BENCH_HARAKA names the
 * folder of an installed package, such as /opt/node/node_modules/haraka.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startServer } from "./background.ts";
import { DOMAIN, type SmtpPeer } from "./peer.ts";

const folder = process.env.MAILHOST_BENCH_HARAKA;
const found = folder !== undefined && existsSync(join(folder, "bin/haraka"));

const PLUGIN = `"use strict";
exports.hook_rcpt = (next, connection, [{ host }]) => next(host === "${DOMAIN}" ? OK : DENY);
exports.hook_queue = (next) => next(OK);
`;

/** Haraka as a peer. */
export const harakaSmtp: SmtpPeer = {
  name: "haraka",
  version: found
    ? (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version
    : "",
  ...(found ? {} : { missing: "Haraka is not there (MAILHOST_BENCH_HARAKA names its package's folder)" }),
  acceptsOnly: true,
  async start(scope, prefix = []) {
    const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-haraka-"));
    scope.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    for (const name of ["config", "plugins", "queue"]) mkdirSync(join(dir, name));
    const port = await freePort();
    const theirs = join(folder!, "config");
    const own = new Set(["smtp.ini", "tls.ini", "log.ini", "http.ini", "outbound.ini"]);
    for (const name of readdirSync(theirs)) {
      if (name.endsWith(".ini") && !own.has(name))
        copyFileSync(join(theirs, name), join(dir, "config", name));
    }
    const files = {
      "config/smtp.ini": `listen=127.0.0.1:${port}\n`,
      "config/plugins": "bench\n",
      "config/me": "mx.bench.test\n",
      "config/loglevel": "LOGERROR\n",
      "config/log.ini": "[main]\nlevel=ERROR\n",
      "config/host_list": `${DOMAIN}\n`,
      "config/databytes": "104857600\n",
      "plugins/bench.js": PLUGIN,
      "package.json": '{"name":"bench","version":"1.0.0","haraka":{}}\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    await startServer(scope, [...prefix, process.execPath, join(folder!, "bin/haraka"), "-c", dir], port);
    return { port, mailboxes: dir };
  },
};
