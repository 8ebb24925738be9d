/**
 * The `mailhost` command: reads the command line and hands over to the command's own file, which is loaded only then.
 *
 * A {@link UserError} ends it with its message and exit code; anything else is a fault of ours and shows its place.
 */
import { UserError } from "@mailhost/common/errors";
import { EX_OK, EX_SOFTWARE, EX_USAGE } from "@mailhost/common/sysexits";
import { type CommonOptions, siteOf } from "./command-parts.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/**
 * Runs one command.
 *
 * @param argv the arguments after the program's name
 * @returns the exit code (sysexits)
 */
export async function run(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exitCode = EX_OK;
  try {
    const start = plainStart(argv);
    if (start !== undefined) {
      const { startCommand } = await import("./commands/start.ts");
      return await startCommand(siteOf(start), terminal);
    }
    const { commandLine } = await import("./command-line.ts");
    await commandLine(argv, terminal, (code) => {
      exitCode = code;
    }).parseAsync();
    return exitCode;
  } catch (error) {
    if (!(error instanceof UserError)) {
      terminal.err(`mailhost: internal fault: ${error instanceof Error ? error.stack : String(error)}`);
      return EX_SOFTWARE;
    }
    for (const line of error.message.split("\n")) terminal.err(`mailhost: ${line}`);
    if (error.exitCode === EX_USAGE)
      terminal.err("mailhost: `mailhost --help` shows the commands and their options");
    return error.exitCode;
  }
}

/**
 * `start`, `start --root DIR` and `start --root=DIR`, as every host is started: it runs for months, and needs no parser of commands in
 * its memory for that. Undefined: the parser says what is meant, or what is wrong.
 */
function plainStart(argv: readonly string[]): CommonOptions | undefined {
  const [command, option, value, ...more] = argv;
  if (command !== "start" || more.length > 0) return undefined;
  if (option === undefined) return {};
  if (option === "--root") return value === undefined || value.startsWith("-") ? undefined : { root: value };
  const [, root] = /^--root=(.+)$/.exec(option) ?? [];
  return root === undefined || value !== undefined ? undefined : { root };
}
