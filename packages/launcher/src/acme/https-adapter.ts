/**
 * The HTTP requests of the ACME library, made by Node's own client: each has limits of time and size, follows no redirect, can be
 * stopped, and trusts the certificates that the settings name.
 *
 * The library's own way (axios) repeats what failed for a minute and more, waits in the process for as long as Retry-After says, and
 * tells nothing of a problem but its text. Here a problem becomes an {@link AcmeError} that says all, and whoever asked decides when
 * to ask again.
 */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { AcmeError, errorOfProblem, type Problem, problemType } from "./acme-error.ts";

/** How an authority is reached. */
export interface AuthorityAccess {
  /** Certificates that its own must be signed by, PEM; undefined: the system's. */
  readonly ca: string | undefined;
  readonly clock: Clock;
  /** Ends whatever is under way. */
  readonly signal: AbortSignal;
  /** Requests of the whole conversation: some answers have the library ask the same for ever. */
  readonly mostRequests: number;
}

/** A request as axios hands it to an adapter; the part that is used. */
export interface AdapterRequest {
  readonly url?: string;
  readonly method?: string;
  readonly data?: unknown;
  readonly headers: { readonly [name: string]: unknown };
}

/** What axios expects of an adapter. */
export interface AdapterResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly data: string;
  readonly config: unknown;
  readonly request: undefined;
}

/** ms for one request, and octets of its answer. */
const TIME_LIMIT = 30_000;
const SIZE_LIMIT = 1024 * 1024;

/** A certificate of the authority's server that ours do not vouch for. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ALTNAME/;

/** Makes the adapter. Any answer with a status of 400 or more is thrown, but for a bad nonce: the library asks again. */
export function httpsAdapter(access: AuthorityAccess): (request: AdapterRequest) => Promise<AdapterResponse> {
  let requests = 0;
  return async (request) => {
    requests += 1;
    if (requests > access.mostRequests)
      throw new AcmeError(
        "trouble",
        `the authority's answers lead nowhere: ${access.mostRequests} requests were made`,
      );
    const answer = await exchange(request, access);
    if (answer.status < 300) return { ...answer, statusText: "", config: request, request: undefined };
    const problem = problemIn(answer.data);
    if (answer.status === 400 && problemType(problem) === "badNonce")
      return { ...answer, statusText: "", config: request, request: undefined };
    throw errorOfProblem(
      problem,
      answer.status,
      retryTime(answer.headers["retry-after"], access.clock.now()),
    );
  };
}

/**
 * When to ask again, by a Retry-After field (RFC 9110 section 10.2.3): seconds or a date.
 *
 * @returns ms since 1970; undefined when it says nothing that can be understood
 */
export function retryTime(field: string | undefined, now: number): number | undefined {
  if (field === undefined) return undefined;
  if (/^\d{1,9}$/.test(field.trim())) return now + Number(field) * 1000;
  const at = Date.parse(field);
  return Number.isNaN(at) || at <= now ? undefined : at;
}

type Answer = Pick<AdapterResponse, "status" | "headers" | "data">;

function exchange(asked: AdapterRequest, { ca, signal }: AuthorityAccess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let url: URL;
    try {
      url = new URL(asked.url ?? "");
    } catch (error) {
      reject(
        new AcmeError("trouble", `the authority named an address that is none: ${asked.url}`, {
          cause: error,
        }),
      );
      return;
    }
    const fail = (error: unknown) => reject(unreachable(url, error, signal));
    const body = typeof asked.data === "string" ? asked.data : undefined;
    const limit = AbortSignal.timeout(TIME_LIMIT);
    const options = {
      method: (asked.method ?? "get").toUpperCase(),
      headers: {
        "user-agent": "mailhost",
        accept: "*/*",
        ...(body === undefined
          ? {}
          : { "content-type": "application/jose+json", "content-length": Buffer.byteLength(body) }),
      },
      signal: AbortSignal.any([signal, limit]),
      agent: false as const,
      ...(ca === undefined ? {} : { ca }),
    };
    const send = url.protocol === "http:" ? httpRequest : httpsRequest;
    const request = send(url, options, (response) => {
      const pieces: Buffer[] = [];
      let size = 0;
      response.on("data", (piece: Buffer) => {
        size += piece.length;
        if (size > SIZE_LIMIT) request.destroy(new Error(`an answer of more than ${SIZE_LIMIT} octets`));
        else pieces.push(piece);
      });
      response.on("error", fail);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          data: Buffer.concat(pieces).toString("utf8"),
        }),
      );
    });
    request.on("error", fail);
    request.end(body);
  });
}

function unreachable(url: URL, error: unknown, signal: AbortSignal): AcmeError {
  if (signal.aborted)
    return new AcmeError("trouble", "stopped before the authority had answered", { cause: error });
  const code = errnoOf(error) ?? "";
  const why =
    (error as Error | undefined)?.name === "TimeoutError" || code === "ABORT_ERR"
      ? "no answer"
      : messageOf(error);
  const step = UNTRUSTED.test(code)
    ? "if it is an authority of your own, name the certificate that signs its own in acme.caFile"
    : "see acme.directory, and whether this host reaches the world over HTTPS";
  return new AcmeError("unreachable", `the authority at ${url.host} can not be spoken to: ${why}; ${step}`, {
    cause: error,
  });
}

function problemIn(text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Problem) : {};
  } catch {
    return {};
  }
}
