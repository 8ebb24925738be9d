/**
 * `mailhost start`: finds the programs of the two daemons and runs the host.
 */
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import type { Site } from "@mailhost/common/site";
import type { SettingsChange } from "../start/start.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Runs the host in the foreground; returns the exit code.
 *
 * The launcher has little to do for months. Its engine is told to care for memory before all else is loaded: what is compiled once and
 * never again would else be kept, 10 MiB of it, because too little happens for a collection to come. (No daemon has this option, not
 * even while it loads: taken back afterwards, it made the mta's processor time a message a third more.)
 */
export async function startCommand(site: Site, terminal: Terminal, change?: SettingsChange): Promise<number> {
  setFlagsFromString("--optimize-for-size");
  const { startHost } = await import("../start/start.ts");
  const entry = (name: string) => fileURLToPath(import.meta.resolve(name));
  const entries = { mta: entry("@mailhost/mta/daemon-main"), pop3: entry("@mailhost/pop3/daemon-main") };
  return startHost(site, entries, terminal, change);
}
