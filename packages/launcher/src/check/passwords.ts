/**
 * What `mailhost check` says of passwords: lines of etc/mail/users that can not be used, who checks the system's accounts,
 * whether a directory answers, and whether a sendmail.cf lets anybody log in to send.
 */
import { existsSync } from "node:fs";
import { AccountsUnavailable, openAccounts } from "@mailhost/common/accounts/accounts";
import { nameOfWay } from "@mailhost/common/accounts/password-helper-process";
import { passwordsWay, passwordsWayWithoutRoot } from "@mailhost/common/accounts/system-passwords";
import { readUsers } from "@mailhost/common/accounts/users-reading";
import { messageOf, UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { type Finding, findingOf } from "./finding.ts";

/** A name that nobody has: only whether there is an answer matters. */
const NOBODY = "mailhost-check-asks";

/** What is said of a sendmail.cf without AuthMechanisms: with Sendmail's own defaults nobody could log in with a password either. */
const NO_AUTH =
  "nobody logs in to send, as no mechanism is named: people on the road send after fetching only (DRAC). In the .mc: define(`confAUTH_MECHANISMS', `PLAIN LOGIN') TRUST_AUTH_MECH(`PLAIN LOGIN') define(`confAUTH_OPTIONS', `A p')";

/**
 * Looks at every source of accounts that the settings name.
 *
 * @param source the file that the settings are from
 */
export async function checkPasswords(
  site: Site,
  settings: Settings,
  source: string | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (settings.auth.mechanisms.length === 0 && source === site.sendmailCf)
    findings.push({ level: "ok", about: "accounts", text: NO_AUTH });
  for (const source of settings.accounts) {
    if (source === "file") findings.push(...checkFile(site));
    else if (source === "system") findings.push(checkSystem(site, settings));
    else findings.push(await checkDirectory(site, settings));
  }
  return findings;
}

function checkFile(site: Site): Finding[] {
  try {
    return readUsers(site.usersFile).faults.map((fault) => ({
      level: "warning",
      about: "accounts",
      text: fault.message,
    }));
  } catch (error) {
    // A file of a wrong mode, or that can not be read, is what permissions.ts is about.
    if (error instanceof UserError) return [];
    throw error;
  }
}

function checkSystem(site: Site, { system }: Settings): Finding {
  // Beside a host that root has started, whoever asks.
  const isRoots = process.getuid?.() === 0 || existsSync(site.passwordSocket);
  const way = (isRoots ? passwordsWay : passwordsWayWithoutRoot)(site, system);
  const text = `the system's accounts: passwords are checked ${nameOfWay(way)}`;
  const wanted = system.passwords === "none" || way.kind !== "none";
  return { level: wanted ? "ok" : "warning", about: "accounts", text };
}

async function checkDirectory(site: Site, settings: Settings): Promise<Finding> {
  const { url } = settings.ldap;
  const error = (text: string): Finding => ({ level: "error", about: "accounts", text });
  if (url === "") return error("accounts names ldap, and ldap.url is empty: nobody is found there");
  try {
    const accounts = openAccounts(site, { accounts: ["ldap"], ldap: settings.ldap });
    await accounts.lookUp(NOBODY);
    return { level: "ok", about: "accounts", text: `${url} answers` };
  } catch (fault) {
    if (fault instanceof UserError) return findingOf("accounts", fault);
    if (fault instanceof AccountsUnavailable) return error(`${url} can not be asked: ${messageOf(fault)}`);
    throw fault;
  }
}
