/**
 * `sendmail -bd`, `-bD` and `-q20m`: the host, started as Sendmail was.
 *
 * `-bd` comes back when the ports are bound and both daemons accept, or with the reason why not. It runs the same command
 * line again with -bD, in a session of its own, and reads what that prints from a file that nobody else can see.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sendControl } from "@mailhost/common/daemon/control";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_OK, EX_SOFTWARE } from "@mailhost/common/sysexits";
import type { HostStarter, StartOrder } from "@mailhost/mta/commands/sendmail";
import { startCommand } from "../commands/start.ts";
import { processTerminal } from "../terminal.ts";

/** How often the new process is looked at while it starts (ms). */
const LOOK = 20;

/**
 * The starter of this program.
 *
 * @param program absolute path of the `sendmail` program
 */
export function hostStarter(program: string): HostStarter {
  return {
    async start(site, order) {
      if (order.queueOnly && (await isRunning(site))) return EX_OK;
      return order.how === "foreground" ? foreground(site, order) : background(site, order, program);
    },
  };
}

function foreground(site: Site, order: StartOrder): Promise<number> {
  return startCommand(site, processTerminal(), (settings) => changed(settings, order));
}

/** A host that only runs its queue has no ports. */
function changed(settings: Settings, { interval, queueOnly }: StartOrder): Settings {
  const { queue, smtp, pop3 } = settings;
  return {
    ...settings,
    queue: interval === undefined ? queue : { ...queue, interval },
    ...(queueOnly
      ? {
          smtp: { ...smtp, listen: [], submission: [], smtps: [] },
          pop3: { ...pop3, listen: [], pop3s: [] },
        }
      : {}),
  };
}

async function isRunning(site: Site): Promise<boolean> {
  try {
    return (await sendControl(site, "status")) !== undefined;
  } catch {
    return true;
  }
}

async function background(site: Site, order: StartOrder, program: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-start-"));
  const file = join(folder, "output");
  const fd = openSync(file, "a", 0o600);
  const args = [...process.execArgv, program, "-bD", "--root", site.root];
  if (order.configFile !== undefined) args.push("-C", order.configFile);
  if (order.interval !== undefined) args.push(`-q${Math.max(1, Math.round(order.interval / 1000))}s`);
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ["ignore", fd, fd],
    env: order.queueOnly ? { ...process.env, MAILHOST_QUEUE_ONLY: "1" } : process.env,
  });
  closeSync(fd);
  let exit: number | undefined;
  child.once("error", () => {
    exit = EX_SOFTWARE;
  });
  child.once("exit", (code) => {
    exit = code ?? EX_SOFTWARE;
  });
  const printed = () => readFileSync(file, "utf8");
  while (exit === undefined && !/^mailhost ready/m.test(printed())) {
    await new Promise((done) => setTimeout(done, LOOK));
  }
  const text = printed();
  // The process keeps its descriptor; the name is nobody's.
  rmSync(folder, { recursive: true, force: true });
  child.unref();
  if (exit !== undefined) process.stderr.write(text);
  return exit ?? EX_OK;
}
