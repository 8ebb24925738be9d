/**
 * `mailhost check`: what is wrong, or will be, before anybody's mail finds out.
 */
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG, EX_OK } from "@mailhost/common/sysexits";
import { checkHost } from "../check/check-host.ts";
import type { Finding } from "../check/finding.ts";
import type { Colour, Terminal } from "../terminal.ts";

const COLOURS: Readonly<Record<Finding["level"], Colour>> = { ok: "green", warning: "yellow", error: "red" };

/**
 * Prints every finding.
 *
 * @returns 0, or 78 when there is an error among them
 */
export async function checkCommand(site: Site, json: boolean, terminal: Terminal): Promise<number> {
  const findings = await checkHost(site);
  if (json) terminal.out(JSON.stringify(findings));
  else {
    for (const { level, about, text } of findings) {
      terminal.out(`${terminal.paint(COLOURS[level], level.padEnd(9))}${about}: ${text}`);
    }
  }
  return findings.some((f) => f.level === "error") ? EX_CONFIG : EX_OK;
}
