/**
 * Why an authority gave no certificate, and what an administrator can do about it.
 */
import { UserError } from "@mailhost/common/errors";
import { EX_CONFIG, EX_TEMPFAIL, EX_UNAVAILABLE } from "@mailhost/common/sysexits";

/**
 * - `unreachable`: the authority does not answer, or is not who it should be
 * - `rate-limited`: it has had enough of us for a while
 * - `challenge`: it could not see that a name is ours
 * - `refused`: it does not want this account, these names or this request
 * - `trouble`: it, or what it sent, is out of order; or we are being stopped
 */
export type AcmeFault = "unreachable" | "rate-limited" | "challenge" | "refused" | "trouble";

const EXIT_CODES: Readonly<Record<AcmeFault, number>> = {
  unreachable: EX_TEMPFAIL,
  "rate-limited": EX_TEMPFAIL,
  challenge: EX_UNAVAILABLE,
  refused: EX_CONFIG,
  trouble: EX_TEMPFAIL,
};

/** An attempt that gave no certificate; its message says what to do. */
export class AcmeError extends UserError {
  override readonly name = "AcmeError";
  readonly fault: AcmeFault;
  /** When the authority may be asked again, ms since 1970, if it said so. */
  readonly retryAt: number | undefined;

  constructor(
    fault: AcmeFault,
    message: string,
    more: { retryAt?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, EXIT_CODES[fault], more.cause === undefined ? {} : { cause: more.cause });
    this.fault = fault;
    this.retryAt = more.retryAt;
  }
}

/** A problem document (RFC 7807), as far as it is used. */
export interface Problem {
  /** `urn:ietf:params:acme:error:…` (RFC 8555 section 6.7). */
  readonly type?: unknown;
  readonly detail?: unknown;
  /** One for each name that is to blame (RFC 8555 section 6.7.1). */
  readonly subproblems?: unknown;
}

/** What an authority's text may take of a line. */
const LONGEST_DETAIL = 400;

/** The last part of the type, such as `rateLimited`; empty when it is none of ACME's. */
export function problemType({ type }: Problem): string {
  return /^urn:ietf:params:acme:error:(\w{1,40})$/.exec(String(type))?.[1] ?? "";
}

/** The authority's own words, all of them, on one line. */
export function problemText(problem: Problem): string {
  const below = Array.isArray(problem.subproblems) ? (problem.subproblems as Problem[]) : [];
  const details = [problem, ...below.slice(0, 5)].map((p) => (typeof p?.detail === "string" ? p.detail : ""));
  const text = details.filter((detail) => detail !== "").join("; ");
  return text.replaceAll(/[\p{Cc}\s]+/gu, " ").slice(0, LONGEST_DETAIL) || "no reason given";
}

const FIRST_STEPS: Readonly<Record<string, string>> = {
  connection:
    "port 80 of that name must reach this host: let it through the firewall and the router, and see acme.listen",
  dns: "the name must have an A or AAAA record that leads to this host, and one CAA lookup must not fail",
  unauthorized:
    "something else answers at port 80 of that name: its A and AAAA records must all lead to this host, and a web server there must pass /.well-known/acme-challenge/ on to acme.listen",
  incorrectResponse:
    "something else answers at port 80 of that name: its A and AAAA records must all lead to this host, and a web server there must pass /.well-known/acme-challenge/ on to acme.listen",
  caa: "a CAA record in the DNS lets other authorities only: add one for this authority",
  rejectedIdentifier: "the authority gives no certificate for this name: see acme.domains",
  unsupportedIdentifier: "the authority gives no certificate for this name: see acme.domains",
  externalAccountRequired:
    "this authority wants accounts that were agreed elsewhere, which is not supported: see acme.directory",
  userActionRequired: "the authority wants its terms read and agreed to again",
  invalidContact: "correct acme.email",
  unsupportedContact: "correct acme.email",
  accountDoesNotExist: "the authority has forgotten the account; it is made anew at the next try",
};

/** What to do about a type of problem; empty when there is no saying. */
export function firstStep(type: string): string {
  return FIRST_STEPS[type] ?? "";
}

/**
 * The error for a problem that the authority answered a request with.
 *
 * @param status HTTP status
 * @param retryAt ms since 1970, from Retry-After
 */
export function errorOfProblem(problem: Problem, status: number, retryAt: number | undefined): AcmeError {
  const type = problemType(problem);
  const text = problemText(problem);
  if (type === "rateLimited" || status === 429) {
    const when =
      retryAt === undefined ? "" : `; it may be asked again after ${new Date(retryAt).toISOString()}`;
    return new AcmeError("rate-limited", `the authority's rate limit is reached: ${text}${when}`, {
      retryAt,
    });
  }
  if (status >= 500)
    return new AcmeError("trouble", `the authority is in trouble (${status}): ${text}`, { retryAt });
  const step = firstStep(type);
  const label = type === "" ? String(status) : type;
  return new AcmeError(
    "refused",
    `the authority refuses (${label}): ${text}${step === "" ? "" : `; ${step}`}`,
    {
      retryAt,
    },
  );
}

/** The error for a name that the authority could not see to be ours. */
export function errorOfChallenge(name: string, problem: Problem): AcmeError {
  const type = problemType(problem);
  const step = firstStep(type);
  const label = type === "" ? "" : ` (${type})`;
  return new AcmeError(
    "challenge",
    `${name} is not proved to be this host's${label}: ${problemText(problem)}${step === "" ? "" : `; ${step}`}`,
  );
}
