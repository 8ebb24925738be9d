/**
 * Programs run by the users of a host, who call its `sendmail`.
 */
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Site } from "./host.ts";
import { type Ran, type RunOptions, runProgram } from "./programs.ts";

/** The program that stands for /usr/sbin/sendmail. */
export const SENDMAIL = fileURLToPath(new URL("../../packages/launcher/bin/sendmail.js", import.meta.url));

/** Who a test is when it is nobody in particular. */
export const SOMEBODY = "nobody";

/** True where programs can be run as somebody else. */
export const IS_ROOT = process.getuid?.() === 0;

/**
 * Runs a program as an ordinary user, with the site as its host. Where the tests are no root they are an ordinary user
 * already, and the host is theirs.
 */
export function asUser(
  site: Site,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  // The harness makes roots that only their owner sees.
  chmodSync(site.root, 0o755);
  const env = { MAILHOST_ROOT: site.root, ...options.env };
  if (!IS_ROOT) return runProgram(command, args, { ...options, env });
  const whoever = [`--reuid=${SOMEBODY}`, "--regid=nogroup", "--clear-groups", "--", command, ...args];
  return runProgram("setpriv", whoever, { ...options, env });
}

/** Runs the host's own `sendmail` as an ordinary user. */
export function sendmailAsUser(site: Site, args: readonly string[], input: string | Buffer): Promise<Ran> {
  return asUser(site, process.execPath, [SENDMAIL, ...args], { input });
}
