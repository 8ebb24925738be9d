/**
 * Many accounts at once: one hash is made by the command, the others are copies of it, because a memory-hard hash is slow by design.
 */
import { PASSWORD, type Site } from "./host.ts";

/**
 * Adds accounts that all have the harness's password.
 *
 * @throws when `mailhost user add` refuses the first
 */
export async function addAccounts(site: Site, names: readonly string[]): Promise<void> {
  const [first, ...others] = names;
  if (first === undefined) return;
  const added = await site.mailhost(["user", "add", first], `${PASSWORD}\n`);
  if (added.code !== 0) throw new Error(`user add ${first}: exit code ${added.code}\n${added.stderr}`);
  const file = site.read("etc/mail/users");
  const line = file.split("\n").find((text) => text.startsWith(`${first}:`))!;
  site.write("etc/mail/users", file + others.map((name) => `${name}${line.slice(first.length)}\n`).join(""));
}
