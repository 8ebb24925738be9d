/**
 * Who may run programs from a `.forward`: users whose shell is in shells(5). An account that is kept for mail only, with
 * `/usr/sbin/nologin`, cannot make the mail host run things for it.
 */

import type { Account } from "@mailhost/common/accounts/accounts";
import type { RecipientParts } from "./recipient-parts.ts";

/** Why an account may not run programs, or undefined when it may. */
export async function shellFault(parts: RecipientParts, account: Account): Promise<string | undefined> {
  const may = await parts.lists?.isLoginShell(account.shell ?? "");
  return may === true ? undefined : `User ${account.name}@${parts.hostname} doesn't have a valid shell`;
}

/** The shells that count where there is no /etc/shells. */
export const DEFAULT_SHELLS: ReadonlySet<string> = new Set([
  "/bin/bash",
  "/bin/csh",
  "/bin/ksh",
  "/bin/sh",
  "/bin/tcsh",
  "/bin/zsh",
  "/usr/bin/bash",
  "/usr/bin/csh",
  "/usr/bin/ksh",
  "/usr/bin/sh",
  "/usr/bin/zsh",
]);

/** Sendmail's entry that lets every shell pass. */
const ANY_SHELL = "/SENDMAIL/ANY/SHELL/";

/** The shells of a text in the form of shells(5). */
export function readShells(text: string): ReadonlySet<string> {
  return new Set(
    text
      .split("\n")
      .map((line) => line.replace(/#.*/, "").trim())
      .filter((line) => line !== ""),
  );
}

/** Whether a shell is one of them; no shell is /bin/sh. */
export function isLoginShell(shell: string, shells: ReadonlySet<string>): boolean {
  return shells.has(ANY_SHELL) || shells.has(shell === "" ? "/bin/sh" : shell);
}
