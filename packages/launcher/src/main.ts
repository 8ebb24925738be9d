/**
 * The `mailhost` command: reads the command line and hands over to the command's own file, which is loaded only then.
 *
 * A {@link UserError} ends it with its message and exit code; anything else is a fault of ours and shows its place.
 */
import { UserError } from "@mailhost/common/errors";
import { EX_OK, EX_SOFTWARE, EX_USAGE } from "@mailhost/common/sysexits";
import { commandLine } from "./command-line.ts";
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
