/**
 * `mailhost demo`: the article's scenario on this machine, on free loopback ports, in a temporary root; a line a step.
 */
import { messageOf } from "@mailhost/common/errors";
import { EX_OK, EX_SOFTWARE } from "@mailhost/common/sysexits";
import { type DemoHost, lastOfLog, startDemoHost } from "../demo/demo-host.ts";
import { type OutsideWorld, openOutsideWorld } from "../demo/outside-world.ts";
import { type ScenarioParts, scenario } from "../demo/scenario.ts";
import type { Terminal } from "../terminal.ts";

const DOMAIN = "linuxaid.com.cn";
const USER = "alice";
const PASSWORD = "a password for a minute";

/**
 * Runs it and cleans up after it, whatever happens.
 *
 * @returns 0, or 70 when something else happened than what should
 */
export async function demoCommand(terminal: Terminal): Promise<number> {
  const begun = performance.now();
  let outside: OutsideWorld | undefined;
  let host: DemoHost | undefined;
  let failed = false;
  try {
    outside = await openOutsideWorld();
    const { smtpPort, dnsPort } = outside;
    host = await startDemoHost({ smtpPort, dnsPort, domain: DOMAIN, user: USER, password: PASSWORD });
    say(
      terminal,
      "started",
      `SMTP on port ${host.smtpPort}, with TLS on ${host.smtpsPort}, POP3 on port ${host.pop3Port}`,
      begun,
    );
    await runSteps(terminal, host, outside);
  } catch (error) {
    failed = true;
    terminal.err(`mailhost: demo: ${messageOf(error)}`);
    if (host !== undefined) terminal.err(lastOfLog(host.site));
  }
  const stopping = performance.now();
  const code = await host?.close();
  await outside?.close();
  if (failed) return EX_SOFTWARE;
  if (code !== 0) {
    terminal.err(`mailhost: demo: expected the host to exit 0, found ${code}`);
    return EX_SOFTWARE;
  }
  say(
    terminal,
    "stopped",
    "the host finished its sessions and exited 0; everything is removed again",
    stopping,
  );
  return EX_OK;
}

async function runSteps(terminal: Terminal, host: DemoHost, outside: OutsideWorld): Promise<void> {
  const parts: ScenarioParts = {
    smtpPort: host.smtpPort,
    smtpsPort: host.smtpsPort,
    certificate: host.certificate,
    pop3Port: host.pop3Port,
    domain: DOMAIN,
    user: USER,
    password: PASSWORD,
    nextOutside: () => outside.nextMessage(),
  };
  for (const { word, run } of scenario(parts)) {
    const begun = performance.now();
    try {
      say(terminal, word, await run(), begun);
    } catch (error) {
      throw new Error(`${word}: ${messageOf(error)}`, { cause: error });
    }
  }
}

function say(terminal: Terminal, word: string, what: string, begun: number): void {
  const took = `${Math.round(performance.now() - begun)} ms`;
  terminal.out(`${terminal.paint("green", word.padEnd(10))} ${what} ${terminal.paint("dim", `(${took})`)}`);
}
