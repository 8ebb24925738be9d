/**
 * Sun RPC version 2 (RFC 5531) as far as a DRAC server needs it: a call comes in as octets, a reply goes out. No I/O.
 *
 * All of XDR (RFC 4506) that occurs is 32-bit numbers, most significant octet first, and opaque octets padded to four.
 */

/** Octets of the longest call that is read: both credentials at their largest, 400 octets, and some arguments. */
export const LONGEST_CALL = 1024;

/** The longest credential or verifier (RFC 5531 section 8.2). */
const LONGEST_AUTH = 400;

const CALL = 0;
const REPLY = 1;
const RPC_VERSION = 2;

/** A call for some procedure. */
export interface RpcCall {
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** What is behind the header. */
  readonly args: Buffer;
}

/** What was read: nothing that could be answered, another version of RPC, or a call. */
export type RpcRead =
  | { readonly kind: "garbage" }
  | { readonly kind: "wrong-version"; readonly xid: number }
  | { readonly kind: "call"; readonly call: RpcCall };

/** Reads a message. */
export function readCall(data: Buffer): RpcRead {
  if (data.length < 12 || data.length > LONGEST_CALL || data.readUInt32BE(4) !== CALL)
    return { kind: "garbage" };
  const xid = data.readUInt32BE(0);
  if (data.readUInt32BE(8) !== RPC_VERSION) return { kind: "wrong-version", xid };
  if (data.length < 24) return { kind: "garbage" };
  const credentials = skipAuth(data, 24);
  const args = credentials === undefined ? undefined : skipAuth(data, credentials);
  if (args === undefined) return { kind: "garbage" };
  const [program, version, procedure] = [12, 16, 20].map((at) => data.readUInt32BE(at));
  return {
    kind: "call",
    call: { xid, program: program!, version: version!, procedure: procedure!, args: data.subarray(args) },
  };
}

/** Where an opaque_auth that begins at `at` ends; undefined when it is none. */
function skipAuth(data: Buffer, at: number): number | undefined {
  if (data.length < at + 8) return undefined;
  const length = data.readUInt32BE(at + 4);
  if (length > LONGEST_AUTH) return undefined;
  const end = at + 8 + Math.ceil(length / 4) * 4;
  return end <= data.length ? end : undefined;
}

/** What becomes of a call (accept_stat). */
export type RpcOutcome =
  | { readonly kind: "success"; readonly result: readonly number[] }
  | { readonly kind: "program-unavailable" }
  | { readonly kind: "version-mismatch"; readonly low: number; readonly high: number }
  | { readonly kind: "procedure-unavailable" }
  | { readonly kind: "garbage-arguments" }
  | { readonly kind: "system-error" };

/** The reply to a call, without credentials of our own. */
export function acceptedReply(xid: number, outcome: RpcOutcome): Buffer {
  return words([xid, REPLY, 0, 0, 0, ...acceptance(outcome)]);
}

/** The reply to a call in another version of RPC: RPC_MISMATCH, 2 to 2. */
export function rpcMismatch(xid: number): Buffer {
  return words([xid, REPLY, 1, 0, RPC_VERSION, RPC_VERSION]);
}

function acceptance(outcome: RpcOutcome): number[] {
  switch (outcome.kind) {
    case "success":
      return [0, ...outcome.result];
    case "program-unavailable":
      return [1];
    case "version-mismatch":
      return [2, outcome.low, outcome.high];
    case "procedure-unavailable":
      return [3];
    case "garbage-arguments":
      return [4];
    case "system-error":
      return [5];
  }
}

/** Numbers as XDR has them. */
export function words(numbers: readonly number[]): Buffer {
  const data = Buffer.alloc(numbers.length * 4);
  for (const [i, number] of numbers.entries()) data.writeUInt32BE(number, i * 4);
  return data;
}

/** A call with no credentials, for whom we call ourselves. */
export function callOf(call: Omit<RpcCall, "args">, args: readonly number[]): Buffer {
  const { xid, program, version, procedure } = call;
  return words([xid, CALL, RPC_VERSION, program, version, procedure, 0, 0, 0, 0, ...args]);
}

/** The numbers behind a successful reply; undefined for any other message. */
export function readResult(data: Buffer, xid: number): Buffer | undefined {
  if (data.length < 24 || data.length > LONGEST_CALL) return undefined;
  const [id, kind, denied] = [0, 4, 8].map((at) => data.readUInt32BE(at));
  if (id !== xid || kind !== REPLY || denied !== 0) return undefined;
  const at = skipAuth(data, 12);
  return at === undefined || data.length < at + 4 || data.readUInt32BE(at) !== 0
    ? undefined
    : data.subarray(at + 4);
}
