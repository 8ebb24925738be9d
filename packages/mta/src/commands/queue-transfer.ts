/**
 * `mailhost queue export DIR` and `mailhost queue import DIR`: the queue as plain files, and back; Sendmail's queue too.
 */
import { splitAddress } from "@mailhost/common/address";
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import { NO_LOG } from "@mailhost/common/log/command-log";
import { silentLog } from "@mailhost/common/log/log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_DATAERR, EX_NOINPUT, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { actingParts } from "../deliver/controller.ts";
import { formatReply } from "../policy/reply.ts";
import { exportQueue } from "../queue/export-queue.ts";
import { lockImport } from "../queue/import-lock.ts";
import { importQueue } from "../queue/import-queue.ts";
import { recipientFor } from "../recipients/list-owner.ts";
import { resolveWritten } from "../submit/written-address.ts";
import { changeQueue, viewQueue } from "./queue-view.ts";

/** What to do, and with which folder. */
export interface TransferArguments {
  readonly action: "export" | "import";
  readonly folder?: string;
  readonly json?: boolean;
}

type Out = (line: string) => void;

/**
 * Does it, and says for each message what became of it.
 *
 * @returns 0; 65 when something could not be read: it is named, and all the rest is done
 * @throws UserError when the folder or the queue cannot be used at all
 */
export async function transferQueue(site: Site, args: TransferArguments, out: Out): Promise<number> {
  const { action, folder } = args;
  if (folder === undefined || folder === "") throw new UserError(`queue ${action}: which folder?`, EX_USAGE);
  const done = action === "export" ? await exported(site, folder) : await imported(site, folder);
  if (args.json === true) out(JSON.stringify(done));
  else for (const line of report(action, folder, done)) out(line);
  return done.faults.length === 0 ? EX_OK : EX_DATAERR;
}

interface Done {
  readonly ids: readonly string[];
  readonly known: readonly string[];
  readonly faults: readonly { readonly what: string; readonly reason: string }[];
}

function report(action: TransferArguments["action"], folder: string, { ids, known, faults }: Done): string[] {
  const count = (n: number) => `${n} message${n === 1 ? "" : "s"}`;
  return [
    ...faults.map(({ what, reason }) => `${what}: not ${action}ed: ${reason}`),
    `${count(ids.length)} ${action}ed ${action === "export" ? "to" : "from"} ${folder}`,
    ...(known.length === 0 ? [] : [`${count(known.length)} were in the queue already`]),
  ];
}

function exported(site: Site, folder: string): Promise<Done> {
  return viewQueue(site, async (store) => {
    if (store === undefined) return { ids: [], known: [], faults: [] };
    try {
      const { ids, faults } = await exportQueue(store, folder);
      return { ids, known: [], faults: faults.map(({ id, reason }) => ({ what: id, reason })) };
    } catch (error) {
      throw new UserError(`${folder}: cannot be written: ${messageOf(error)}`, EX_CANTCREAT, {
        cause: error,
      });
    }
  });
}

async function imported(site: Site, folder: string): Promise<Done> {
  const settings = loadSettings(site);
  const tables = openSiteTables(site, { log: NO_LOG, settings });
  try {
    const { findUser } = actingParts(site, settings.local.defaultUser);
    const parts = {
      hostname: settings.hostname,
      now: systemClock.now(),
      uidOf: (name: string) => findUser(name)?.uid,
      async resolve(address: string, sender: string) {
        const resolved = await resolveWritten(address, { site, settings, tables });
        if (resolved.kind === "targets") return resolved.recipients.map((one) => recipientFor(one, sender));
        if (resolved.reply.code < 500) throw new Error(formatReply(resolved.reply));
        // Nobody of that name any more: the attempt says so, and the sender gets its report.
        const whole = splitAddress(address).domain === "" ? `${address}@${settings.hostname}` : address;
        return [{ address: whole, target: { kind: "error" as const, reply: resolved.reply } }];
      },
    };
    const { ids, known, faults } = await changeQueue(site, silentLog, async (store) => {
      const unlock = lockImport(site.queueDir);
      try {
        return await importQueue(store, folder, parts);
      } finally {
        unlock();
      }
    });
    // The daemon finds them by itself; a word saves the wait.
    if (ids.length > 0) await sendControl(site, "wake").catch(() => undefined);
    return { ids, known, faults: faults.map(({ file, reason }) => ({ what: file, reason })) };
  } catch (error) {
    const known = ["ENOENT", "ENOTDIR", "EACCES"].includes(errnoOf(error) ?? "");
    if (!known || error instanceof UserError) throw error;
    throw new UserError(`${folder}: cannot be read: ${messageOf(error)}`, EX_NOINPUT, { cause: error });
  } finally {
    await tables.close();
  }
}
