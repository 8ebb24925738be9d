/**
 * getmail, with one fault of its own put right: it delivers by a child process, and where that ends before getmail begins to wait
 * for it, getmail waits for three minutes, in a session that keeps everybody else out of the mailbox.
 */
import { findProgram, type Ran, type RunOptions, runProgram } from "./programs.ts";

const SCRIPT = `
import os, runpy, sys
from getmailcore.baseclasses import ForkingBase

def wait(self, pid):
    status = os.waitpid(pid, 0)[1]
    if not os.WIFEXITED(status):
        raise SystemExit('the child that delivers ended with %d' % status)
    return os.WEXITSTATUS(status)

ForkingBase._prepare_child = lambda self: None
ForkingBase._wait_for_child = wait
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
`;

/** Runs it, by the Python that Debian's package is for. */
export function runGetmail(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runProgram(
    "/usr/bin/python3",
    ["-c", SCRIPT, findProgram("getmail") ?? "getmail", ...args],
    options,
  );
}
