/**
 * Ports for programs that must be told one. Found free and closed again, a port may be somebody else's a moment later: another
 * test's, or any outgoing connection's. So these come from below the range that the system gives away by itself, and a file
 * for each keeps other test processes off it.
 */
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Below Linux's own range, which begins at 32768, and above what well-known services have. */
const FIRST = 20_000;
const PORTS = 12_000;

const FOLDER = join(tmpdir(), "mailhost-test-ports");

/** A port that is free for TCP at every address of this host, and that no other test is given while this process lives. */
export async function reservedPort(): Promise<number> {
  mkdirSync(FOLDER, { recursive: true });
  for (let tried = 0; tried < PORTS; tried += 1) {
    const port = FIRST + Math.floor(Math.random() * PORTS);
    if (reserve(port) && (await isFree(port))) return port;
  }
  throw new Error(`no port between ${FIRST} and ${FIRST + PORTS} is free`);
}

/** Files of this process. */
const reserved: string[] = [];

function giveBack(): void {
  for (const file of reserved) rmSync(file, { force: true });
}

function reserve(port: number): boolean {
  const file = join(FOLDER, String(port));
  try {
    const fd = openSync(file, "wx");
    writeSync(fd, String(process.pid));
    closeSync(fd);
    if (reserved.length === 0) process.once("exit", giveBack);
    reserved.push(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!ownerLives(file)) rmSync(file, { force: true });
    return false;
  }
}

/** A file that is just being made is still empty: that counts as alive. */
function ownerLives(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    if (pid === 0) return true;
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    const bound = once(server, "listening");
    server.listen(port);
    await bound;
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
