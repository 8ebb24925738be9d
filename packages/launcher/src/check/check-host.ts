/**
 * All checks of a host, in the order in which their results matter to one another.
 */
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { type Accounts, openAccounts } from "@mailhost/common/accounts/accounts";
import { bindPort } from "@mailhost/common/daemon/bound-port";
import { sendControl } from "@mailhost/common/daemon/control";
import { type Identity, wantedIdentity } from "@mailhost/common/daemon/identity";
import { LISTENER_KINDS } from "@mailhost/common/daemon/launcher-messages";
import { openFilesFault, openFilesLimit } from "@mailhost/common/daemon/open-files";
import { silentLog } from "@mailhost/common/log/log";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { type LoadedSettings, loadSettingsWithNotes } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import { formatListenAddress } from "@mailhost/common/settings/units";
import { type Site, sitePath } from "@mailhost/common/site";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { createResolver } from "@mailhost/mta/dns/system-resolver";
import { comparable, interfaceAddresses } from "@mailhost/mta/policy/local-domains";
import { noSite } from "../start/folders.ts";
import { listenersOf, NEED_TLS } from "../start/ports.ts";
import { type AcmeSurroundings, checkAcme } from "./acme.ts";
import { checkDns, type DnsSurroundings } from "./dns.ts";
import { checkDomainUsers } from "./domain-users.ts";
import { type Finding, findingOf } from "./finding.ts";
import { checkMailboxes } from "./mailboxes.ts";
import { noteText } from "./note-text.ts";
import { checkPasswords } from "./passwords.ts";
import { checkPermissions } from "./permissions.ts";
import { checkQuotas } from "./quotas.ts";
import { checkRelaying } from "./relaying.ts";
import { checkTls, localDomains, type TlsSurroundings } from "./tls.ts";
import { checkWaitingMessages } from "./waiting-messages.ts";

/** Runs every check; the settings first, as nothing else makes sense with broken ones. */
export async function checkHost(givenSite: Site): Promise<Finding[]> {
  let site = givenSite;
  let loaded: LoadedSettings;
  let settings: Settings;
  let identity: Identity;
  let surroundings: ReturnType<typeof surroundingsOf>;
  if (!existsSync(site.etcMail)) return [findingOf("settings", noSite(site))];
  try {
    loaded = loadSettingsWithNotes(site);
    settings = loaded.settings;
    site = placeMailboxes(site, settings);
    identity = identityOf(site, settings);
    surroundings = surroundingsOf(settings, identity);
  } catch (error) {
    return [findingOf("settings", error)];
  }
  const accounts = accountsOf(site, settings);
  return [
    ...checkSource(loaded),
    ...checkNames(settings, loaded.source ?? site.settingsFile),
    ...(await checkTables(site, settings, accounts)),
    ...(await checkPasswords(site, settings, loaded.source)),
    ...checkPermissions(site, settings, { identity, source: loaded.source }),
    ...checkWaitingMessages(site),
    ...checkHomes(settings, identity),
    ...(await checkMailboxes(site, (name) => accounts?.find(name)?.uid, identity.uid)),
    ...(await checkTls(site, settings, { ...surroundings, source: loaded.source ?? site.settingsFile })),
    ...(await checkAcme(site, settings, { ...surroundings, source: loaded.source })),
    ...(await checkDns(settings.hostname, localDomains(site, settings), surroundings)),
    ...(await checkPorts(site, settings)),
    ...checkOpenFiles(settings),
  ];
}

/** Which file rules, and what of a sendmail.cf or Qpopper file is not carried over. */
function checkSource({ source, notes, ignored, qpopperFiles }: LoadedSettings): Finding[] {
  const finding = (level: Finding["level"], text: string): Finding => ({ level, about: "settings", text });
  return [
    finding("ok", source === undefined ? "there is no file: all defaults" : `${source} rules`),
    ...(ignored === undefined ? [] : [finding("warning", `${ignored}: not read, as ${source} is there`)]),
    ...qpopperFiles.map((file) => finding("ok", `${file}: read as pop3.configFile says`)),
    ...notes.map((note) => finding(note.harmless === true ? "ok" : "warning", noteText(note))),
  ];
}

/** The accounts, as far as they can be read: what is wrong with their files is another check's business. */
function accountsOf(site: Site, settings: Settings): Accounts | undefined {
  try {
    return openAccounts(site, settings);
  } catch {
    return undefined;
  }
}

/** Homes are their owners' alone: only root can deliver into them. */
function checkHomes({ mailbox }: Settings, { uid, user }: Identity): Finding[] {
  if (mailbox.homeFile === "" || uid === 0) return [];
  const text = `mailbox.homeFile: ${user} can not write into other users' homes; say run: { user: root }, or leave mailboxes in ${mailbox.folder}`;
  return [{ level: "error", about: "mailboxes", text }];
}

function identityOf(site: Site, settings: Settings): Identity {
  const { uid, gid, username } = userInfo();
  return wantedIdentity(site, settings.run, uid) ?? { user: username, uid, gid };
}

/** @param source the file that rules, where a name is to be set; one in a mailhost.yaml beside a sendmail.cf would rule alone */
function checkNames({ hostname }: Settings, source: string): Finding[] {
  if (hostname.includes(".")) return [];
  const how = source.endsWith(".cf")
    ? `say Djmail.example.com in ${source}, or confDOMAIN_NAME in its .mc`
    : `set it in ${source}`;
  const text = `hostname: "${hostname}" has no domain; other hosts distrust that: ${how}`;
  return [{ level: "warning", about: "settings", text }];
}

async function checkTables(
  site: Site,
  settings: Settings,
  accounts: Accounts | undefined,
): Promise<Finding[]> {
  const tables = openSiteTables(site, { log: silentLog, settings });
  try {
    const faults = tables.check().map((fault) => findingOf("tables", fault));
    const good: Finding = { level: "ok", about: "tables", text: "access, aliases and domains are readable" };
    const warnings = tables
      .warnings()
      .map(({ message }): Finding => ({ level: "warning", about: "tables", text: message }));
    const listed = accounts === undefined || settings.accounts.includes("ldap") ? undefined : accounts;
    const known = (name: string) =>
      name.startsWith("@") ? listed?.hasDomain(name.slice(1)) === true : listed?.find(name) !== undefined;
    return [
      ...(faults.length > 0 ? faults : [good]),
      ...warnings,
      ...checkRelaying(settings, tables),
      ...(accounts === undefined ? [] : checkDomainUsers(site, settings, { accounts, tables })),
      ...(await checkQuotas(site, settings, { tables, known: listed === undefined ? undefined : known })),
    ];
  } finally {
    await tables.close();
  }
}

/** Whether the sessions that the settings allow are allowed by the system as well. */
function checkOpenFiles({ pop3 }: Settings): Finding[] {
  const text = openFilesFault(pop3.maxConnections, openFilesLimit());
  return text === undefined ? [] : [{ level: "warning", about: "limits", text }];
}

/** What the checks of names ask. */
function surroundingsOf(
  { dns }: Settings,
  identity: Identity,
): AcmeSurroundings & DnsSurroundings & Pick<TlsSurroundings, "resolver"> {
  const own = interfaceAddresses();
  return {
    identity,
    resolver: createResolver(dns),
    isOwn: (address) => own.has(comparable(address)),
    ownAddresses: [...own],
    now: Date.now(),
  };
}

async function checkPorts(site: Site, settings: Settings): Promise<Finding[]> {
  // A host that runs has its ports; only itself can say so.
  const status = await sendControl(site, "status").catch(() => undefined);
  if (status?.ok === true) {
    return [
      {
        level: "ok",
        about: "ports",
        text: `the host is running, process ${String(status.pid)}: ${String(status.listening)}`,
      },
    ];
  }
  const { cert, key, selfSigned } = settings.tls;
  const withTls = selfSigned || [cert, key].every((path) => existsSync(sitePath(site, path)));
  const kinds = LISTENER_KINDS.filter((kind) => withTls || !NEED_TLS.has(kind));
  const findings: Finding[] = [];
  for (const kind of kinds) {
    for (const address of listenersOf(settings, kind)) {
      try {
        bindPort(kind, address).close();
      } catch (error) {
        findings.push(findingOf("ports", error));
      }
    }
  }
  if (findings.length > 0) return findings;
  const all = kinds.flatMap((kind) => listenersOf(settings, kind).map(formatListenAddress));
  return [{ level: "ok", about: "ports", text: `free: ${all.join(", ")}` }];
}
