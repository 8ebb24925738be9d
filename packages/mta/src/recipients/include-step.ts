/**
 * `:include:/path`: a list in a file of its own, which whoever owns the file may change without newaliases.
 *
 * The file is read anew for every message. It is refused when others than its owner can write to it. Programs and files in it
 * are run and written as its owner; root's file counts as an alias. A user's `.forward` that names a list runs what is in it as
 * that user: else it could have somebody else's mailbox or log read as that other's commands (Sendmail's controlling user).
 */
import type { Account } from "@mailhost/common/accounts/accounts";
import { isGroupMember, readSystemLists } from "@mailhost/common/daemon/identity";
import { type Expansion, MAX_USER_FILE_BYTES, type Way } from "./expansion.ts";
import type { Reader } from "./file-safety.ts";
import { readListLines } from "./list-lines.ts";
import { shellFault } from "./login-shells.ts";
import { defaultAccount, type RecipientParts } from "./recipient-parts.ts";
import { expandLines } from "./target-step.ts";

/** Expands the list at a path. */
export async function expandInclude(expansion: Expansion, path: string, way: Way): Promise<void> {
  const { parts } = expansion;
  const step = `include ${path}`;
  if (way.path.includes(step)) {
    expansion.breakLoop();
    return;
  }
  if (expansion.seen.has(step)) return;
  expansion.seen.add(step);
  if (parts.lists === undefined) {
    expansion.fail(way, 550, "5.2.4", `Cannot open ${path}: lists in files are not read here`);
    return;
  }
  const who = readerOf(parts, way.owner);
  const read = await parts.lists.read(path, {
    ...(who === undefined ? {} : { who }),
    owned: false,
    limit: way.owner === undefined ? expansion.bytesLeft : Math.min(expansion.bytesLeft, MAX_USER_FILE_BYTES),
  });
  if (read.kind === "later") {
    expansion.fail(way, 451, "4.2.4", `Cannot open ${path}: ${read.reason}`);
    return;
  }
  if (read.kind !== "text") {
    const reason = read.kind === "absent" ? "No such file or directory" : read.reason;
    expansion.fail(way, 550, "5.2.4", `Cannot open ${path}: ${reason}`);
    return;
  }
  if (!expansion.countBytes(read.bytes)) return;
  const lines = readListLines(read.text);
  const members = lines.flat().length;
  expansion.step("include", `${path}: ${members} ${members === 1 ? "member" : "members"}`);
  const { given: _, ...rest } = way;
  await expandLines(expansion, lines, {
    ...rest,
    path: [...way.path, step],
    controlling: `:include:${path}`,
    ...(way.owner === undefined ? await controllerOf(parts, read.uid, path) : {}),
  });
}

/** Who must be able to read the list: the owner of the .forward that names it, or local.defaultUser. */
function readerOf(parts: RecipientParts, owner: Account | undefined): Reader | undefined {
  const account = owner ?? defaultAccount(parts);
  const uid = account?.uid;
  if (uid === undefined) return undefined;
  const name = owner?.name ?? (parts.local?.defaultUser ?? "").split(/[:.]/)[0]!;
  return {
    uid,
    ...(account?.gid === undefined ? {} : { gid: account.gid }),
    isIn: (gid) => isGroupMember(readSystemLists().group, gid, name),
  };
}

async function controllerOf(
  parts: RecipientParts,
  uid: number,
  path: string,
): Promise<Pick<Way, "owner" | "unsafe">> {
  if (uid === 0) return {};
  for (const name of parts.accounts.names?.() ?? []) {
    const account = parts.accounts.find(name);
    if (account?.uid !== uid) continue;
    const unsafe = await shellFault(parts, account);
    return { owner: account, ...(unsafe === undefined ? {} : { unsafe }) };
  }
  return { unsafe: `Address :include:${path} is unsafe` };
}
