/**
 * `popper`: Qpopper's server, started as Qpopper was.
 *
 * Each session under inetd pays for what is loaded here: what only some starts need is loaded when they do.
 */
import { existsSync } from "node:fs";
import { UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import { EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { type PopperOrder, readPopperFlags } from "./popper-flags.ts";

const VERSION = "0.1.0";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const complain = (line: string) => void process.stderr.write(`popper: ${line}\n`);

/** Runs the command; returns its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const read = readPopperFlags(args);
  if (!read.ok) {
    const { USAGE } = await import("./usage.ts");
    complain(`${read.reason}\n${USAGE}`);
    return EX_USAGE;
  }
  const { order } = read;
  try {
    const site = siteAt(order.root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
    return await carryOut(site, order);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    complain(error.message);
    return error.exitCode;
  }
}

async function carryOut(site: Site, order: PopperOrder): Promise<number> {
  switch (order.action) {
    case "help":
      say((await import("./usage.ts")).USAGE);
      return EX_OK;
    case "version":
      say(`popper (mailhost ${VERSION})`);
      return EX_OK;
    case "explain":
      return await explain(site, order);
    case "verify": {
      const { verify } = await import("./verify-command.ts");
      const { popperSettings } = await import("./popper-settings.ts");
      const { settings } = await popperSettings(site, order);
      return await verify(site, settings, { user: order.user!, json: order.json, say, complain });
    }
    case "serve":
      return await serve(site, order);
  }
}

async function serve(site: Site, order: PopperOrder): Promise<number> {
  const settings = await settingsToServeBy(site, order);
  const kind = order.encrypted ? "pop3s" : "pop3";
  const { givenConnection } = await import("./descriptor.ts");
  const given = order.address === undefined ? givenConnection() : { kind: "nothing" as const };
  if (given.kind === "gone") return EX_OK;
  if (given.kind === "connection" || given.kind === "streams") {
    const { serveOne } = await import("./one-session.ts");
    return await serveOne(site, settings, given, kind);
  }
  const { serveAll } = await import("./standalone.ts");
  for (const line of await notesOf(site, order)) complain(line);
  return await serveAll({
    site,
    settings,
    kind,
    ...(order.address === undefined ? {} : { address: order.address }),
    ...(given.kind === "listener" ? { fd: given.fd } : {}),
    again: () => settingsToServeBy(site, order),
    say,
  });
}

/** Where neither root nor a running host's helper checks the system's passwords, nobody waits for their answer. */
async function settingsToServeBy(site: Site, order: PopperOrder): Promise<Settings> {
  const { popperSettings } = await import("./popper-settings.ts");
  const { settings } = await popperSettings(site, order);
  if (process.getuid?.() === 0 || existsSync(site.passwordSocket)) return settings;
  const { settingsWithoutRoot } = await import("@mailhost/common/accounts/system-passwords");
  return settingsWithoutRoot(site, settings);
}

/** What the administrator should know of his flags and files. */
async function notesOf(site: Site, order: PopperOrder): Promise<string[]> {
  const { popperSettings } = await import("./popper-settings.ts");
  const { notes } = await popperSettings(site, order);
  return [
    ...order.notes,
    ...notes.map(({ file, line, text }) => (line > 0 ? `${file}:${line}: ${text}` : `${file}: ${text}`)),
  ];
}

/** --explain: the settings that were given, as a mailhost.yaml; the notes on standard error. */
async function explain(site: Site, order: PopperOrder): Promise<number> {
  const { popperSettings } = await import("./popper-settings.ts");
  const { given, notes } = await popperSettings(site, order);
  if (order.json) {
    say(JSON.stringify({ settings: Object.fromEntries(given), notes }));
    return EX_OK;
  }
  const { printSettings } = await import("@mailhost/common/settings/print-settings");
  for (const line of await notesOf(site, order)) complain(line);
  const values = new Map([...given].map(([path, { value }]) => [path, value]));
  say(printSettings(values, (path) => given.get(path)?.origin ?? "").trimEnd());
  return EX_OK;
}
