/**
 * Starts side-by-side.ts on a machine of its own: a private network, private mounts, a host name and process ids of its own.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../harness/programs.ts";
import { layOut, missingSendmail } from "./real-sendmail.ts";
import type { SiteResult } from "./side-by-side.ts";
import { ACCOUNTS } from "./sites/tables.ts";

/** Why there can be no comparison here, in the words that test/run.mjs knows; undefined when there can. */
export function whyNot(): string | undefined {
  const packages = { unshare: "util-linux", ip: "iproute2", m4: "m4", perl: "perl", procmail: "procmail" };
  for (const [program, name] of Object.entries(packages)) {
    if (findProgram(program) === undefined) return `needs ${program} (Debian package ${name})`;
  }
  return (
    missingSendmail() ??
    (process.getuid?.() === 0 ? undefined : "this system lets us make no namespaces (that takes root)")
  );
}

/** Private machines at work at once. */
const LANES = 2;

/**
 * Runs the comparison of all sites, some on one private machine and some on another.
 *
 * @param sites their names, in the order of the results
 * @param within milliseconds
 * @throws with what it printed, when it does not come to its end
 */
export async function runSideBySide(sites: readonly string[], within: number): Promise<SiteResult[]> {
  const lanes = Array.from({ length: LANES }, (_, lane) => sites.filter((_site, i) => i % LANES === lane));
  const results = (await Promise.all(lanes.map((names) => runOnOneMachine(names, within)))).flat();
  return sites.flatMap((name) => results.find((result) => result.site === name) ?? []);
}

async function runOnOneMachine(sites: readonly string[], within: number): Promise<SiteResult[]> {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-parity-"));
  try {
    layOut(dir, ACCOUNTS);
    const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
    const program = [process.execPath, "--conditions=@mailhost/source", "--import", "tsx"];
    const inside = [here("private-namespace.sh"), dir, ...program, here("side-by-side.ts"), dir, ...sites];
    // A process namespace of its own: when its first process ends, everything in it does.
    const args = [
      "--net",
      "--mount",
      "--uts",
      "--pid",
      "--fork",
      "--mount-proc",
      "--kill-child",
      "--",
      ...inside,
    ];
    const child = spawn("unshare", args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    const timer = setTimeout(() => child.kill("SIGKILL"), within);
    const code = await new Promise<number | null>((done) => child.once("close", done));
    clearTimeout(timer);
    if (code !== 0) throw new Error(`the comparison ended with ${code}\n${output.slice(-4000)}`);
    return JSON.parse(readFileSync(join(dir, "results.json"), "utf8")) as SiteResult[];
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
