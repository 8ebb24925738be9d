/**
 * `mailhost start`: finds the programs of the two daemons and runs the host.
 */
import { fileURLToPath } from "node:url";
import type { Site } from "@mailhost/common/site";
import { type SettingsChange, startHost } from "../start/start.ts";
import type { Terminal } from "../terminal.ts";

/** Runs the host in the foreground; returns the exit code. */
export function startCommand(site: Site, terminal: Terminal, change?: SettingsChange): Promise<number> {
  const entry = (name: string) => fileURLToPath(import.meta.resolve(name));
  const entries = { mta: entry("@mailhost/mta/daemon-main"), pop3: entry("@mailhost/pop3/daemon-main") };
  return startHost(site, entries, terminal, change);
}
