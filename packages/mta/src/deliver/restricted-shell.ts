/**
 * Sendmail's restricted shell, smrsh(8): programs come from one folder, by base name, whatever path is written in front
 * of it; of the shell's own words there are `exec`, `exit` and `echo`, of its signs `&&` and `||`.
 *
 * A pure decision. Where the command is a plain list of words no shell is needed at all; anything with quotes goes to
 * `/bin/sh -c`, with the folder put in front of each program.
 */
import { basename, join } from "node:path";

/** What smrsh makes of a command. */
export type Restricted =
  /** To be run as it is, without a shell. */
  | { readonly kind: "program"; readonly argv: readonly [string, ...string[]] }
  /** To be given to `/bin/sh -c`. */
  | { readonly kind: "shell"; readonly command: string }
  /** Not to be run: smrsh exits with EX_UNAVAILABLE and says this. */
  | { readonly kind: "refused"; readonly text: string };

/** What is known of a file in the folder. */
export type FileKind = "program" | "not a file" | "not executable" | "absent";

/** Characters that smrsh takes nowhere in a command; `&` and `|` only as `&&` and `||`. */
const FORBIDDEN = /[`<>;$()\r\n^]/;
/** Words that mean the same to a shell and without one. */
const PLAIN = /^[\w@%+=:,./-]+$/;
const BUILTINS = new Set(["exit", "echo"]);

/**
 * Decides what is run.
 *
 * @param folder the only folder of programs, absolute
 * @param look what a path is
 */
export function restrictCommand(
  command: string,
  folder: string,
  look: (path: string) => FileKind,
): Restricted {
  const out: string[] = [];
  let rest = command.trimStart();
  let exec = false;
  if (rest === "") return refused("missing command to exec");
  while (rest !== "") {
    const word = /^[^ \t]+/.exec(rest)![0];
    rest = rest.slice(word.length).trimStart();
    const name = basename(word);
    if (name === "exec" && !exec && rest !== "") {
      exec = true;
      out.push("exec");
      continue;
    }
    exec = false;
    if (BUILTINS.has(name)) out.push(name);
    else {
      const fault = faultOf(name, folder, look);
      if (fault !== undefined) return refused(`"${name}" not available for sendmail programs${fault}`);
      out.push(join(folder, name));
    }
    const end = /&&|\|\|/.exec(rest);
    const words = end === null ? rest : rest.slice(0, end.index);
    const sign = (FORBIDDEN.exec(words) ?? /[&|]/.exec(words))?.[0];
    if (sign !== undefined) return refused(`cannot use ${sign} in command`);
    if (words.trim() !== "") out.push(words.trim());
    if (end === null) break;
    out.push(end[0]);
    rest = rest.slice(end.index + 2).trimStart();
  }
  return planOf(out.join(" "));
}

/** A path alone or with plain words behind it needs no shell. */
function planOf(command: string): Restricted {
  const words = command.replace(/^exec /, "").split(/[ \t]+/);
  const [program, ...args] = words;
  if (program?.startsWith("/") === true && words.every((word) => PLAIN.test(word))) {
    return { kind: "program", argv: [program, ...args] };
  }
  return { kind: "shell", command };
}

function faultOf(name: string, folder: string, look: (path: string) => FileKind): string | undefined {
  // A name that the shell would read as something else is none, whatever lies in the folder.
  if (!PLAIN.test(name) || name === "." || name === "..") return " (stat failed)";
  switch (look(join(folder, name))) {
    case "program":
      return undefined;
    case "not a file":
      return " (not a file)";
    case "not executable":
      return "";
    case "absent":
      return " (stat failed)";
  }
}

function refused(text: string): Restricted {
  return { kind: "refused", text: `smrsh: ${text}` };
}
