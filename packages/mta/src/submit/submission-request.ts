/**
 * What the caller of `sendmail` asked for, besides the message: plain data, since an ordinary user's request travels to the
 * daemon in a file that anybody may have written. Reading it trusts nothing in it.
 */

/** A request. Who makes it is not in it: the file's owner, or the process itself, tells that. */
export interface SubmissionRequest {
  /** -f, -r: envelope sender, empty for `<>`; absent: the user. */
  readonly sender?: string;
  /** -F. */
  readonly fullName?: string;
  /** Addresses of the command line. */
  readonly recipients: readonly string[];
  /** -t: the header's recipients; those of the command line are then left out (Sendmail's operations guide, -t). */
  readonly fromHeader: boolean;
  /** -N, as `FAILURE,DELAY`. */
  readonly notify?: string;
  /** -R. */
  readonly dsnReturn?: "FULL" | "HDRS";
  /** -V, xtext. */
  readonly envelopeId?: string;
  /** -B. */
  readonly bodyType?: "7BIT" | "8BITMIME";
  /** -U. */
  readonly smtputf8?: boolean;
  /** -h: Received headers to count in addition. */
  readonly hops?: number;
  /** -Q: held with this reason. */
  readonly quarantine?: string;
  /** -bs: the caller spoke SMTP, and what a message lacks is not added. */
  readonly bySmtp?: boolean;
  /** What the message is to be warned of, after `X-Authentication-Warning: HOST: `, besides what is found out. */
  readonly warnings?: readonly string[];
}

/** Longest request in its written form, octets. */
export const REQUEST_LIMIT = 1024 * 1024;

/** Most recipients of one request. */
const MAX_RECIPIENTS = 10_000;
/** Longest text in it. */
const MAX_TEXT = 4096;

/** Reads a request; undefined when it is none. */
export function readRequest(line: string): SubmissionRequest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const given = value as Readonly<Record<string, unknown>>;
  const recipients = textsOf(given.recipients, MAX_RECIPIENTS);
  const warnings = given.warnings === undefined ? [] : textsOf(given.warnings, 10);
  if (recipients === undefined || warnings === undefined || typeof given.fromHeader !== "boolean")
    return undefined;
  const text = (name: string) => given[name] === undefined || isText(given[name]);
  if (!["sender", "fullName", "notify", "envelopeId", "quarantine"].every(text)) return undefined;
  const { dsnReturn, bodyType, smtputf8, hops, bySmtp } = given;
  if (dsnReturn !== undefined && dsnReturn !== "FULL" && dsnReturn !== "HDRS") return undefined;
  if (bodyType !== undefined && bodyType !== "7BIT" && bodyType !== "8BITMIME") return undefined;
  if (hops !== undefined && !(Number.isInteger(hops) && (hops as number) >= 0)) return undefined;
  const flags = [smtputf8, bySmtp].every((flag) => flag === undefined || typeof flag === "boolean");
  return flags ? (given as unknown as SubmissionRequest) : undefined;
}

function textsOf(value: unknown, most: number): readonly string[] | undefined {
  return Array.isArray(value) && value.length <= most && value.every(isText) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT && !/[\r\n\0]/.test(value);
}
