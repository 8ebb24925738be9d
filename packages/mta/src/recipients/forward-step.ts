/**
 * A user's own aliases: the first file of local.forwardPath that is there and safe, with Sendmail's syntax and rules.
 *
 * `\me, other@place` keeps a copy. A file that is not safe is passed over, with the reason in the log, and the mail stays with
 * the user; one that cannot be read now makes the recipient wait. Programs run as the user, who must have a login shell.
 */
import type { Account } from "@mailhost/common/accounts/accounts";
import { type Expansion, MAX_USER_FILE_BYTES, type Way } from "./expansion.ts";
import { forwardPaths } from "./forward-paths.ts";
import type { ListFiles } from "./list-files.ts";
import { readListLines } from "./list-lines.ts";
import { shellFault } from "./login-shells.ts";
import { expandLines } from "./target-step.ts";

const NOWHERE: readonly string[] = [];

/** Delivers to an account, or where its `.forward` says. */
export function expandForward(
  expansion: Expansion,
  account: Account,
  detail: string | undefined,
  way: Way,
): void | Promise<void> {
  const isCycle = way.path.length > 0 && way.path.includes(stepOf(account));
  if (isCycle) {
    expansion.addSelf(account, way, detail);
    return undefined;
  }
  const { parts } = expansion;
  // Whoever has no home here has nothing to be read.
  const { home, uid } = account;
  if (parts.lists === undefined || home === undefined || home === "" || uid === undefined) {
    expansion.addMailbox(account, way, detail);
    return undefined;
  }
  const { hostname } = parts;
  const paths = forwardPaths(parts.local?.forwardPath ?? NOWHERE, { account, home, detail, hostname });
  if (parts.lists.areAbsent(paths) && !expansion.seen.has(stepOf(account))) {
    expansion.addMailbox(account, way, detail);
    return undefined;
  }
  return readForward(expansion, { account, uid, lists: parts.lists, paths }, way).then((found) => {
    if (found === "none") expansion.addMailbox(account, way, detail);
  });
}

function stepOf(account: Account): string {
  return `forward ${account.name}`;
}

/** Where an account's `.forward` may be. */
interface ForwardFiles {
  readonly account: Account;
  readonly uid: number;
  readonly lists: ListFiles;
  readonly paths: readonly string[];
}

/** @returns "none" when no file says where the mail goes */
async function readForward(
  expansion: Expansion,
  { account, uid, lists, paths }: ForwardFiles,
  way: Way,
): Promise<"none" | "done"> {
  const { parts } = expansion;
  const step = stepOf(account);
  if (expansion.seen.has(step)) return "done";
  for (const path of paths) {
    const read = await lists.read(path, {
      who: { uid, ...(account.gid === undefined ? {} : { gid: account.gid }) },
      owned: true,
      limit: Math.min(expansion.bytesLeft, MAX_USER_FILE_BYTES),
    });
    if (read.kind === "absent") continue;
    if (read.kind === "later") {
      parts.log?.write("error", `forward ${path}: transient error: ${read.reason}`);
      expansion.fail(way, 451, "4.3.0", "transient .forward open error");
      return "done";
    }
    if (read.kind === "refused") {
      parts.log?.write(read.bySystem === true ? "debug" : "warn", `forward ${path}: ${read.reason}`);
      expansion.step("forward", `${path}: not used: ${read.reason}`);
      continue;
    }
    if (!expansion.countBytes(read.bytes)) return "done";
    const lines = readListLines(read.text);
    if (lines.length === 0) return "none";
    expansion.seen.add(step);
    expansion.step("forward", `${account.name}: ${path}`);
    return follow(expansion, lines, account, way);
  }
  return "none";
}

async function follow(
  expansion: Expansion,
  lines: ReturnType<typeof readListLines>,
  account: Account,
  way: Way,
): Promise<"none" | "done"> {
  const before = expansion.yielded;
  const references = expansion.selfReferences;
  const { unsafe: _, given, ...rest } = way;
  const unsafe = await shellFault(expansion.parts, account);
  await expandLines(expansion, lines, {
    ...rest,
    path: [...way.path, stepOf(account)],
    owner: account,
    controlling: given === undefined ? way.written : `<${given}>`,
    ...(unsafe === undefined ? {} : { unsafe }),
  });
  // Two who forward to each other: nobody else got it, so it stays.
  return expansion.yielded === before && expansion.selfReferences > references ? "none" : "done";
}
