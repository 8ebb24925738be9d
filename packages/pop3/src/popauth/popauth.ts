/**
 * popauth: the secrets of APOP and CRAM-MD5 logins, as with Qpopper's command of this name.
 *
 * Every change is on disk and in force when the command ends. Secrets are never shown, and written to no trace.
 */
import { appendFileSync } from "node:fs";
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { changePopauth, noPopauth, readPopauth } from "@mailhost/common/accounts/popauth-file";
import { popauthNameFault, type Secrets, secretFault } from "@mailhost/common/accounts/popauth-format";
import { wantedIdentity } from "@mailhost/common/daemon/identity";
import { messageOf, UserError } from "@mailhost/common/errors";
import { askPassword, readFirstLine } from "@mailhost/common/password-prompt";
import { loadSettings } from "@mailhost/common/settings/load";
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_DATAERR, EX_NOUSER, EX_OK, EX_SOFTWARE, EX_USAGE } from "@mailhost/common/sysexits";
import { type PopauthArguments, readPopauthArguments, USAGE } from "./arguments.ts";
import { readImportFile } from "./import-file.ts";
import { readQpopperEntry } from "./qpopper-entry.ts";

const VERSION = "popauth (mailhost) 0.1.0";

/** Where the command reads and writes; a test passes its own. */
export interface PopauthIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly stdin: AsyncIterable<Buffer | string> & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What an action has to work with. */
interface Work {
  readonly site: Site;
  readonly io: PopauthIo;
  /** Says what was done, for -trace. */
  readonly done: (what: string) => void;
}

/**
 * Runs the command.
 *
 * @returns its exit code: 64 wrong usage, 65 a damaged file or an entry that was refused, 67 no such account or entry,
 *   77 no permission or a file of wrong mode
 */
export async function run(argv: readonly string[], io: PopauthIo = process): Promise<number> {
  const read = readPopauthArguments(argv);
  if (typeof read === "string") {
    io.stderr.write(`popauth: ${read}\n${USAGE}`);
    return EX_USAGE;
  }
  let trace: (text: string) => void = () => undefined;
  try {
    if (read.trace !== undefined) trace = openTrace(read.trace);
    const site = siteAt(read.root ?? io.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
    return await carryOut(read, { site, io, done: trace });
  } catch (error) {
    const text = error instanceof UserError ? error.message : `internal fault: ${messageOf(error)}`;
    io.stderr.write(`popauth: ${text}\n`);
    trace(`failed: ${text}`);
    return error instanceof UserError ? error.exitCode : EX_SOFTWARE;
  }
}

function carryOut({ action, json }: PopauthArguments, work: Work): Promise<number> | number {
  switch (action.kind) {
    case "help":
      work.io.stdout.write(USAGE);
      return EX_OK;
    case "version":
      work.io.stdout.write(`${VERSION}\n`);
      return EX_OK;
    case "init":
      return initialize(work);
    case "list":
      return list(work, action.name, json);
    case "user":
      return setSecret(work, keyOf(action.name), action.password);
    case "delete":
      return remove(work, keyOf(action.name));
    case "import":
      return importFrom(work, action.file);
  }
}

async function initialize(work: Work): Promise<number> {
  const { site, io } = work;
  const found = readPopauth(site.popauthFile);
  if (found.kind === "secrets" && found.secrets.size > 0) {
    io.stdout.write(
      `Really initialize POP authentication DB? It has ${plural(found.secrets.size, "secret")}. [y/n] `,
    );
    const answer = await readFirstLine(io.stdin).catch(() => "");
    if (io.stdin.isTTY !== true) io.stdout.write("\n");
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new UserError(`${site.popauthFile} stays as it is`, EX_DATAERR);
    }
  }
  await change(work, () => new Map(), true);
  io.stdout.write(`initialized ${site.popauthFile}\n`);
  work.done(`initialized ${site.popauthFile}`);
  return EX_OK;
}

function list({ site, io, done }: Work, name: string | undefined, json: boolean): number {
  const secrets = existing(site);
  const names = name === undefined ? [...secrets.keys()].sort() : [present(secrets, keyOf(name))];
  if (json) io.stdout.write(`${JSON.stringify(names.map((user) => ({ user, mechanisms: MECHANISMS })))}\n`);
  else for (const user of names) io.stdout.write(`${user.padEnd(16)}: APOP\n`);
  done(`listed ${plural(names.length, "entry", "entries")}`);
  return EX_OK;
}

/** What a secret is good for. */
const MECHANISMS = ["APOP", "CRAM-MD5"];

async function setSecret(work: Work, name: string, given: string | undefined): Promise<number> {
  const { site, io } = work;
  const settings = loadSettings(site);
  const account = openAccounts(site, settings).find(name);
  if (account === undefined) {
    throw new UserError(`no account is called ${name}; \`mailhost user add ${name}\` makes one`, EX_NOUSER);
  }
  const known = existing(site).has(name);
  io.stdout.write(`${known ? "Changing" : "Adding"} only APOP password for ${name}.\n`);
  const secret = Buffer.from(given ?? (await askSecret(io)));
  const fault = secretFault(secret);
  if (fault !== undefined) throw new UserError(fault, EX_DATAERR);
  await change(work, (before) => new Map([...before, [name, secret]]));
  work.done(`${known ? "changed" : "added"} the secret of ${name}`);
  return EX_OK;
}

function askSecret(io: PopauthIo): Promise<string> {
  return io.stdin.isTTY === true
    ? askPassword("New password:", "Retype new password:")
    : readFirstLine(io.stdin);
}

async function remove(work: Work, name: string): Promise<number> {
  await change(work, (before) => {
    present(before, name);
    return new Map([...before].filter(([other]) => other !== name));
  });
  work.io.stdout.write(`deleted ${name}\n`);
  work.done(`deleted the secret of ${name}`);
  return EX_OK;
}

/** Entries of the same name in the database stay: they are newer. What is refused is named, and the others are taken. */
async function importFrom(work: Work, file: string): Promise<number> {
  const { site, io } = work;
  const found = new Map<string, Buffer>();
  let refused = 0;
  const refuse = (shown: string, reason: string) => {
    refused++;
    io.stderr.write(`popauth: ${shown}: refused: ${reason}\n`);
  };
  for (const [key, value] of await readImportFile(file, io.stdin)) {
    const entry = readQpopperEntry(key, value);
    if (!entry.ok) refuse(entry.shown, entry.reason);
    else if (found.has(entry.name)) refuse(entry.name, "comes twice, in letters of another case");
    else found.set(entry.name, entry.secret);
  }
  const kept: string[] = [];
  await change(
    work,
    (before) => {
      kept.push(...[...found.keys()].filter((name) => before.has(name)));
      return new Map([...found, ...before]);
    },
    true,
  );
  const accounts = openAccounts(site, loadSettings(site));
  for (const name of kept) io.stderr.write(`popauth: ${name}: has a secret already, which stays\n`);
  for (const name of found.keys()) {
    if (accounts.find(name) === undefined) {
      io.stderr.write(`popauth: ${name}: imported, but no account is called so yet\n`);
    }
  }
  const summary = `${plural(found.size - kept.length, "secret")} imported, ${kept.length} kept, ${refused} refused`;
  io.stdout.write(`${summary}\n`);
  work.done(`${summary}: ${file}`);
  return refused === 0 ? EX_OK : EX_DATAERR;
}

/** Changes the database and leaves it to whom the daemons run as. */
async function change({ site }: Work, edit: (before: Secrets) => Secrets, create = false): Promise<void> {
  const owner = wantedIdentity(site, loadSettings(site).run, process.getuid?.() ?? 0);
  await changePopauth(site, edit, { create, ...(owner === undefined ? {} : { owner }) });
}

function existing(site: Site): Secrets {
  const found = readPopauth(site.popauthFile);
  if (found.kind === "absent") throw noPopauth(site);
  if (found.kind !== "secrets") throw found.fault;
  return found.secrets;
}

function present(secrets: Secrets, name: string): string {
  if (!secrets.has(name)) throw new UserError(`${name}: not in the database`, EX_NOUSER);
  return name;
}

function keyOf(name: string): string {
  const key = name.toLowerCase();
  const fault = popauthNameFault(key);
  if (fault !== undefined) throw new UserError(`${JSON.stringify(name)}: ${fault}`, EX_USAGE);
  return key;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** @throws UserError when the file can not be written */
function openTrace(file: string): (text: string) => void {
  const write = (text: string) => {
    const uid = process.getuid?.() ?? 0;
    appendFileSync(file, `${new Date().toISOString()} popauth[${process.pid}] uid ${uid}: ${text}\n`, {
      mode: 0o600,
    });
  };
  try {
    write("started");
    return write;
  } catch (error) {
    throw new UserError(`${file} cannot be written: ${messageOf(error)}`, EX_CANTCREAT);
  }
}
