/**
 * The system's accounts as passwd(5) lists them. Hashes are not read.
 */
import type { Account } from "./accounts.ts";

/** The accounts of a passwd file by name in lower case; lines of another shape are passed over, as libc does. */
export function parsePasswd(text: string): Map<string, Account> {
  const accounts = new Map<string, Account>();
  for (const line of text.split("\n")) {
    const [login = "", , uid = "", gid = "", , home = "", shell = ""] = line.split(":");
    const name = login.toLowerCase();
    if (!/^[^\s#+/-][^\s/]*$/.test(name) || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue;
    if (accounts.has(name)) continue;
    accounts.set(name, { name, source: "system", uid: Number(uid), gid: Number(gid), home, shell });
  }
  return accounts;
}
