/**
 * `mailhost init`: a complete etc/mail for a new site. It never writes over a file that is there.
 */
import {
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { wantedIdentity } from "@mailhost/common/daemon/identity";
import { errnoOf, UserError } from "@mailhost/common/errors";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Read } from "@mailhost/common/settings/units";
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { readDomain } from "../init/domain.ts";
import { isPrivateOrNarrow, readNetwork } from "../init/network.ts";
import { type NewSite, type SiteFile, siteFiles } from "../init/site-files.ts";
import { exitCodeOf, reasonOf } from "../start/folders.ts";
import type { Terminal } from "../terminal.ts";

/** What was given on the command line. */
export interface InitArguments {
  readonly domain: string;
  readonly lan: readonly string[];
  readonly hostname?: string;
  readonly smtpPort?: number;
  readonly submissionPort?: number;
  readonly pop3Port?: number;
  readonly smtpsPort?: number;
  readonly pop3sPort?: number;
}

/**
 * Writes the files.
 *
 * @returns the exit code
 * @throws UserError for a bad argument, a sendmail.cf that rules here, or a file that cannot be made
 */
export function initCommand(site: Site, args: InitArguments, terminal: Terminal): number {
  const made = newSite(args);
  if (existsSync(site.sendmailCf) && !existsSync(site.settingsFile)) throw besideSendmail(site);
  try {
    mkdirSync(site.etcMail, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new UserError(`cannot make ${site.etcMail}: ${reasonOf(error)}`, exitCodeOf(error));
  }
  for (const file of siteFiles(made)) {
    const path = join(site.etcMail, file.name);
    terminal.out(writeNew(path, file) ? `wrote ${path}` : `kept  ${path} (it was there already)`);
  }
  giveUsersFile(site);
  for (const key of made.networks.filter((n) => !isPrivateOrNarrow(n))) {
    terminal.out(
      terminal.paint("yellow", `note: ${key} RELAY lets a very large network send through this host`),
    );
  }
  for (const line of nextSteps(site, made)) terminal.out(line);
  return EX_OK;
}

/** A mailhost.yaml with nothing but defaults would silently take the place of what Sendmail's own settings say. */
function besideSendmail({ sendmailCf, settingsFile, root }: Site): UserError {
  const at = root === "/" ? "" : ` --root ${root}`;
  return new UserError(
    `${sendmailCf} is there and rules: the host needs no init, \`mailhost check${at}\` says what it makes of it; to go on ` +
      `with a mailhost.yaml: mailhost build --explain${at} > ${settingsFile}; to begin anew: move sendmail.cf away first`,
    EX_CONFIG,
  );
}

function newSite(args: InitArguments): NewSite {
  const domain = checked("--domain", args.domain, readDomain(args.domain));
  const named = args.hostname ?? `mail.${domain}`;
  const hostname = checked("--hostname", named, readDomain(named));
  // `--lan 192.168.1,192.168.2` and `--lan 192.168.1 --lan 192.168.2` say the same.
  const lans = args.lan.flatMap((l) => l.split(/[\s,]+/)).filter((l) => l !== "");
  if (lans.length === 0) throw new UserError("--lan: name at least one network, such as 202.99.11", EX_USAGE);
  const networks = [...new Set(lans.map((lan) => checked("--lan", lan, readNetwork(lan))))];
  const ports = Object.entries({
    smtp: args.smtpPort,
    submission: args.submissionPort,
    pop3: args.pop3Port,
    smtps: args.smtpsPort,
    pop3s: args.pop3sPort,
  });
  for (const [kind, port] of ports) {
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
      throw new UserError(`--${kind}-port: expected a port, 0 to 65535, found "${port}"`, EX_USAGE);
    }
  }
  return {
    domain,
    hostname,
    networks: networks.filter((n) => n !== "127.0.0.1"),
    ports: Object.fromEntries(ports.filter(([, port]) => port !== undefined)),
  };
}

function checked(option: string, given: string, read: Read<string>): string {
  if (!read.ok) throw new UserError(`${option}: expected ${read.expected}, found "${given}"`, EX_USAGE);
  return read.value;
}

/** Makes a file that was not there; false when it was. */
function writeNew(path: string, file: SiteFile): boolean {
  try {
    const fd = openSync(path, "wx", file.mode);
    try {
      fchmodSync(fd, file.mode);
      writeSync(fd, file.text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw new UserError(`cannot write ${path}: ${reasonOf(error)}`, exitCodeOf(error));
  }
}

/** The daemons read the accounts, whoever they run as. */
function giveUsersFile(site: Site): void {
  const identity = wantedIdentity(site, loadSettings(site).run, process.getuid?.() ?? 0);
  if (identity !== undefined) chownSync(site.usersFile, identity.uid, identity.gid);
}

function nextSteps(site: Site, made: NewSite): string[] {
  const root = site.root === "/" ? "" : ` --root ${site.root}`;
  return [
    "",
    "Next:",
    `  1. mailhost user add alice${root}      a mailbox, alice@${made.domain}`,
    `  2. mailhost check${root}               what is still missing`,
    `  3. mailhost start${root}               the host, in the foreground`,
    `  4. in the DNS of ${made.domain}:  ${made.domain}. MX 10 ${made.hostname}.   and an A record for ${made.hostname}.`,
  ];
}
