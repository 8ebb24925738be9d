/**
 * How long a login takes on a mailbox of 1 GiB: cold (nothing of the file in memory, no index yet) and warm.
 */
import { execFileSync } from "node:child_process";
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Connection } from "../test/harness/connection.ts";
import { loggedIn } from "../test/harness/pop3-client.ts";
import type { Pop3Peer } from "./peer.ts";
import { scoped } from "./scope.ts";

/** Writes an mbox of messages of 20 KiB and more until it has the size. */
export function writeBigMbox(path: string, size: number): number {
  const file = openSync(path, "w");
  const line = `${"b".repeat(75)}\n`;
  let written = 0;
  let messages = 0;
  while (written < size) {
    const block: string[] = [];
    for (let i = 0; i < 100; i++) {
      const n = messages++;
      block.push(
        `From sender${n % 97}@example.net Tue Nov 24 21:59:01 2026\nReturn-Path: <sender${n % 97}@example.net>\n`,
        `Received: from client.test by mail.bench.test id ${n};\n\tTue, 24 Nov 2026 21:59:01 +0800\n`,
        `Message-ID: <${n}@client.test>\nSubject: message ${n}\n\n${line.repeat(240 + (n % 60))}\n`,
      );
    }
    written += writeSync(file, block.join(""));
  }
  fsyncSync(file);
  closeSync(file);
  return messages;
}

/** One login, to the answer of PASS and to the answers of STAT, LIST and UIDL; milliseconds. */
export interface LoginTimes {
  readonly login: number;
  readonly ready: number;
  readonly messages: number;
  /** Largest resident size of the serving processes so far, MiB. */
  readonly memory: number;
}

/** The three openings of a peer. */
export interface PopResult {
  readonly peer: string;
  readonly cold: LoginTimes;
  readonly warm: LoginTimes;
  readonly warmAgain: LoginTimes;
}

/** Measures a peer; the mbox is where it was afterwards. */
export function measureLogins(peer: Pop3Peer, mbox: string): Promise<PopResult> {
  return scoped(async (scope) => {
    const server = await peer.start(scope, mbox);
    const endpoint = { host: "127.0.0.1", port: server.port };
    const login = async (): Promise<LoginTimes> => {
      const began = performance.now();
      const session = await loggedIn(endpoint, server.user, server.password, { patience: 120_000 });
      const loggedInAt = performance.now();
      const messages = await session.count();
      await session.connection.write("LIST\r\n");
      await skipList(session.connection);
      await session.connection.write("UIDL\r\n");
      await skipList(session.connection);
      const readyAt = performance.now();
      const memory = Math.max(...server.processes().map(residentPeak), 0);
      await session.quit();
      return { login: loggedInAt - began, ready: readyAt - began, messages, memory };
    };
    forgetPages(server.mbox);
    return {
      peer: `${peer.name} ${peer.version}`,
      cold: await login(),
      warm: await login(),
      warmAgain: await login(),
    };
  });
}

async function skipList(connection: Connection): Promise<void> {
  while ((await connection.readText()) !== ".") {
    // Each line is one message.
  }
}

/** Asks the kernel to drop what it holds of a file (posix_fadvise, by way of dd). */
function forgetPages(path: string): void {
  execFileSync("sync", [path]);
  execFileSync("dd", [`if=${path}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
}

function residentPeak(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
