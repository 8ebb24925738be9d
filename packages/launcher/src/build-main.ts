/**
 * `Build`, as in cf/cf of Sendmail's sources: `Build config.cf` makes config.cf of config.mc in the current folder.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@mailhost/common/errors";
import { EX_NOINPUT, EX_OK, EX_SOFTWARE, EX_USAGE } from "@mailhost/common/sysexits";
import { siteOf } from "./command-parts.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

const USAGE = "usage: Build [-n] NAME.cf …   makes each NAME.cf of the NAME.mc beside it";

/**
 * Makes each target. `Build` and `Build install` alone, which compile and install Sendmail, have nothing to do.
 *
 * @param argv the arguments after the program's name
 * @returns the exit code (sysexits)
 */
export async function runBuild(
  argv: readonly string[],
  terminal: Terminal = processTerminal(),
  folder: string = process.cwd(),
): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    terminal.out(USAGE);
    return EX_OK;
  }
  try {
    const dryRun = argv.includes("-n");
    const targets = argv.filter((arg) => arg !== "-n");
    if (targets.every((target) => target === "install" || target === "all")) {
      terminal.out("Build: mailhost needs no compiling; `Build config.cf` makes config.cf of config.mc");
      return EX_OK;
    }
    for (const target of targets) await buildTarget(target, { folder, dryRun, terminal });
    return EX_OK;
  } catch (error) {
    if (!(error instanceof UserError)) {
      terminal.err(`Build: internal fault: ${error instanceof Error ? error.stack : String(error)}`);
      return EX_SOFTWARE;
    }
    for (const line of error.message.split("\n")) terminal.err(`Build: ${line}`);
    if (error.exitCode === EX_USAGE) terminal.err(USAGE);
    return error.exitCode;
  }
}

async function buildTarget(
  target: string,
  { folder, dryRun, terminal }: { folder: string; dryRun: boolean; terminal: Terminal },
): Promise<void> {
  if (!target.endsWith(".cf")) throw new UserError(`${target}: no target; a target ends in .cf`, EX_USAGE);
  const source = target.replace(/\.cf$/, ".mc");
  if (!existsSync(join(folder, source))) {
    throw new UserError(`no ${source} in ${folder} to make ${target} of`, EX_NOINPUT);
  }
  terminal.out(`mailhost build ${source} > ${target}`);
  if (dryRun) return;
  const { buildCommand } = await import("./commands/build.ts");
  const request = { file: join(folder, source), output: join(folder, target) };
  await buildCommand(siteOf({}), request, terminal);
}
