/**
 * DRAC's remote procedures (dracd.x): program 900101, procedure 1 lets an address relay for a while.
 *
 * Version 1 takes an IPv4 address as a number, version 2 sixteen octets of an IPv6 address. The result is 0 when it may,
 * 1 when the caller or the address may not, 2 when the table could not be written.
 */
import type { DracExclusion } from "@mailhost/common/drac/drac-exclusion";
import type { DracTable } from "@mailhost/common/drac/drac-table";
import { messageOf } from "@mailhost/common/errors";
import { normalizeIp } from "@mailhost/common/ip-address";
import type { Log } from "@mailhost/common/log/log";
import { networkList } from "@mailhost/common/network-list";
import type { Settings } from "@mailhost/common/settings/settings";
import { acceptedReply, type RpcCall, type RpcOutcome, readCall, rpcMismatch } from "./rpc-message.ts";

export const DRAC_PROGRAM = 900_101;
export const DRAC_VERSIONS = [1, 2] as const;

/** addstat of dracd.x. */
const ADDED = 0;
const NOT_PERMITTED = 1;
const SYSTEM_ERROR = 2;

/** What the procedures work with. */
export interface DracProgramParts {
  readonly settings: () => Pick<Settings, "drac">;
  readonly table: () => DracTable | undefined;
  readonly exclusion: DracExclusion;
  readonly log: Log;
}

/**
 * The reply to a message.
 *
 * @param caller the address that it came from
 * @returns undefined when nothing is to be answered
 */
export async function answerDrac(
  message: Buffer,
  caller: string,
  parts: DracProgramParts,
): Promise<Buffer | undefined> {
  const read = readCall(message);
  switch (read.kind) {
    case "garbage":
      return undefined;
    case "wrong-version":
      return rpcMismatch(read.xid);
    case "call":
      return acceptedReply(read.call.xid, await outcomeOf(read.call, caller, parts));
  }
}

async function outcomeOf(call: RpcCall, caller: string, parts: DracProgramParts): Promise<RpcOutcome> {
  const { program, version, procedure, args } = call;
  if (program !== DRAC_PROGRAM) return { kind: "program-unavailable" };
  if (version !== 1 && version !== 2) return { kind: "version-mismatch", low: 1, high: 2 };
  // Procedure 0 does nothing, in every program: rpcinfo asks for it.
  if (procedure === 0) return { kind: "success", result: [] };
  if (procedure !== 1) return { kind: "procedure-unavailable" };
  if (args.length !== (version === 1 ? 4 : 16)) return { kind: "garbage-arguments" };
  return { kind: "success", result: [await add(addressOf(args), caller, parts)] };
}

function addressOf(octets: Buffer): string {
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16)).join(":");
  return normalizeIp(groups) ?? groups;
}

async function add(
  ip: string,
  caller: string,
  { settings, table, exclusion, log }: DracProgramParts,
): Promise<number> {
  if (!networkList(settings().drac.rpcAllow).has(caller)) {
    log.write("warn", `[drac]: ${caller} may not call (drac.rpcAllow): ${ip} gets nothing`);
    return NOT_PERMITTED;
  }
  const drac = table();
  const never = drac === undefined ? "drac.enabled is false" : exclusion.never(ip);
  if (never !== undefined || drac === undefined) {
    log.write("warn", `[drac]: ${ip} from ${caller} gets nothing: ${never}`);
    return NOT_PERMITTED;
  }
  try {
    await drac.record(ip, `rpc:${caller}`);
    log.write("debug", `[drac]: ${ip} may relay, says ${caller}`);
    return ADDED;
  } catch (error) {
    log.write("error", `[drac]: ${ip} from ${caller} was not recorded: ${messageOf(error)}`);
    return SYSTEM_ERROR;
  }
}
