/**
 * Where the `.forward` of an account may be: local.forwardPath with Sendmail's macros of ForwardPath. `$z` home, `$u` user, `$h` detail,
 * `$w` first label of our name, `$m` the rest of it, `$j` all of it.
 */
import type { Account } from "@mailhost/common/accounts/accounts";

/** What the macros of a path stand for. */
export interface ForwardMacros {
  readonly account: Pick<Account, "name">;
  readonly home: string;
  readonly detail: string | undefined;
  /** Our own name. */
  readonly hostname: string;
}

/** A pattern taken apart: text and the letters of macros in turns, text first. */
type Pieces = readonly string[];

/** Of a configuration's list: each message asks, and it changes with the configuration only. */
const taken = new WeakMap<readonly string[], readonly Pieces[]>();

/** The paths of an account in their order, each once; a pattern that gives no absolute path gives none. */
export function forwardPaths(patterns: readonly string[], macros: ForwardMacros): string[] {
  let all = taken.get(patterns);
  if (all === undefined) {
    all = patterns.map(takeApart);
    taken.set(patterns, all);
  }
  const paths: string[] = [];
  for (const pieces of all) {
    const path = joined(pieces, macros);
    if (path.startsWith("/") && !paths.includes(path)) paths.push(path);
  }
  return paths;
}

function takeApart(pattern: string): Pieces {
  const pieces: string[] = [];
  let at = 0;
  for (const macro of pattern.matchAll(/\$(?:\{(\w+)\}|(\w))/g)) {
    pieces.push(pattern.slice(at, macro.index), macro[1] ?? macro[2] ?? "");
    at = macro.index + macro[0].length;
  }
  pieces.push(pattern.slice(at));
  return pieces;
}

function joined(pieces: Pieces, macros: ForwardMacros): string {
  let path = pieces[0] ?? "";
  for (let i = 1; i < pieces.length; i += 2) path += macroValue(pieces[i]!, macros) + pieces[i + 1]!;
  return path;
}

function macroValue(macro: string, { account, home, detail, hostname }: ForwardMacros): string {
  switch (macro) {
    case "z":
      return home;
    case "u":
    case "f":
      return account.name;
    case "h":
      // A slash in the detail would choose a folder.
      return detail === undefined || /[/\0]/.test(detail) ? "" : detail;
    case "j":
      return hostname;
    case "w":
      return firstLabel(hostname);
    case "m":
      return hostname.slice(firstLabel(hostname).length + 1);
    default:
      return "";
  }
}

function firstLabel(hostname: string): string {
  const dot = hostname.indexOf(".");
  return dot < 0 ? hostname : hostname.slice(0, dot);
}
