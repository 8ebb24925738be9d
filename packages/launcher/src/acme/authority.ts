/**
 * The conversation with an ACME authority (RFC 8555): account, order, challenges, certificate.
 *
 * acme-client speaks the protocol; the order of the steps, the waiting and its limits are here. A certificate that comes back is
 * looked at before anybody relies on it.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import type { Clock } from "@mailhost/common/clock";
import { delay } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Authorization, Client, Order } from "acme-client";
import { AcmeError, errorOfChallenge, errorOfProblem, type Problem } from "./acme-error.ts";
import { namesOf } from "./certificate-files.ts";
import type { ChallengeAnswers } from "./challenge-server.ts";
import { httpsAdapter } from "./https-adapter.ts";

/** What is asked for. */
export interface CertificateRequest {
  readonly directory: string;
  /** PEM. */
  readonly accountKey: string;
  /** Empty: none. */
  readonly email: string;
  /** As wantedNames gives them; one at least. */
  readonly names: readonly string[];
  /** Certificates that the authority's own must be signed by, PEM; undefined: the system's. */
  readonly ca: string | undefined;
  readonly answers: ChallengeAnswers;
  /** Waits between two looks at what the authority makes of it. */
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A key and the chain for it, PEM, the host's own certificate first. */
export interface Issued {
  readonly key: string;
  readonly chain: string;
}

/** Requests that may be made, and more for each name; a good conversation makes a fifth of them. */
const REQUESTS = 200;
const REQUESTS_FOR_NAME = 60;

/** ms between two looks, first and longest, and for how long altogether. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const PATIENCE = 3 * 60_000;

/**
 * Gets a certificate.
 *
 * @throws AcmeError saying why not, and UserError of `answers` when the port can not be had
 */
export async function obtainCertificate(request: CertificateRequest): Promise<Issued> {
  const { Client, axios, crypto } = await import("acme-client");
  // The library has one client of HTTP for all; one conversation at a time is held.
  (axios.defaults as { adapter?: unknown }).adapter = httpsAdapter({
    ...request,
    mostRequests: REQUESTS + REQUESTS_FOR_NAME * request.names.length,
  });
  try {
    const client = new Client({ directoryUrl: request.directory, accountKey: request.accountKey });
    const contact = request.email === "" ? {} : { contact: [`mailto:${request.email}`] };
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
    const order = await client.createOrder({
      identifiers: request.names.map((value) => ({ type: "dns", value })),
    });
    for (const authorization of await client.getAuthorizations(order))
      await proveName(client, authorization, request);
    // An authority may take a moment to see that all of them are.
    const ready = await settled(() => client.getOrder(order), await client.getOrder(order), request);
    if (ready.status === "invalid") throw refusedOrder(ready);
    const key = newKey();
    const [name] = request.names;
    // A common name has 64 octets at most (RFC 5280 appendix A.1), and nobody needs it.
    const [, csr] = await crypto.createCsr(
      { ...(name!.length <= 64 ? { commonName: name! } : {}), altNames: [...request.names] },
      key,
    );
    const done = await settled(() => client.getOrder(order), await client.finalizeOrder(order, csr), request);
    if (done.status !== "valid") throw refusedOrder(done);
    const chain = await client.getCertificate(done);
    return checked({ key, chain }, request);
  } catch (error) {
    if (error instanceof Error && "exitCode" in error) throw error;
    // What the library itself finds odd in an answer.
    throw new AcmeError("trouble", `the authority's answer is not understood: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function refusedOrder(order: object): AcmeError {
  return errorOfProblem((order as { readonly error?: Problem }).error ?? {}, 400, undefined);
}

/** A new EC key on P-256, PEM (PKCS #8). */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Answers the question about one name, unless the authority still knows the answer. */
async function proveName(client: Client, asked: Authorization, request: CertificateRequest): Promise<void> {
  const name = asked.identifier.value;
  if (asked.status === "valid") return;
  const challenge = asked.challenges.find(({ type }) => type === "http-01");
  if (challenge === undefined)
    throw new AcmeError("refused", `${name}: the authority offers no HTTP-01 challenge`);
  const { token } = challenge;
  const answer = await client.getChallengeKeyAuthorization(challenge);
  await request.answers.add(token, answer);
  try {
    await client.completeChallenge(challenge);
    const look = async () => (await client.getAuthorizations({ authorizations: [asked.url] } as Order))[0]!;
    const now = await settled(look, await look(), request);
    if (now.status === "valid") return;
    const failed = now.challenges.find(({ type }) => type === "http-01");
    throw errorOfChallenge(name, (failed as { error?: Problem } | undefined)?.error ?? {});
  } finally {
    await request.answers.remove(token);
  }
}

/** Looks again and again, less and less often, until it is neither pending nor being processed. */
async function settled<T extends { readonly status: string }>(
  look: () => Promise<T>,
  first: T,
  { clock, signal }: Pick<CertificateRequest, "clock" | "signal">,
): Promise<T> {
  let state = first;
  const end = clock.now() + PATIENCE;
  for (
    let wait = FIRST_WAIT;
    state.status === "pending" || state.status === "processing";
    wait = Math.min(wait * 1.5, LONGEST_WAIT)
  ) {
    if (clock.now() >= end)
      throw new AcmeError("trouble", `the authority is still at it after ${PATIENCE / 60_000} minutes`);
    await delay(clock, wait);
    if (signal.aborted) throw new AcmeError("trouble", "stopped before the authority was done");
    state = await look();
  }
  return state;
}

/** @throws AcmeError when it is not what was asked for */
function checked(issued: Issued, { names, clock }: CertificateRequest): Issued {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(issued.chain);
  } catch (error) {
    throw new AcmeError("trouble", `the authority sent no certificate: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const lacking = names.filter((name) => !namesOf(leaf).includes(name));
  if (lacking.length > 0)
    throw new AcmeError("trouble", `the authority's certificate does not name ${lacking.join(", ")}`);
  if (!leaf.checkPrivateKey(createPrivateKey(issued.key)))
    throw new AcmeError("trouble", "the authority's certificate is for another key");
  if (Date.parse(leaf.validTo) <= clock.now())
    throw new AcmeError(
      "trouble",
      `the authority's certificate has ended on ${leaf.validTo}: is this host's clock right?`,
    );
  return issued;
}
