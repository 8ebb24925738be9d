/** Authorities that misbehave: what no real one on loopback can be made to say. The real one is in test/acme. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "@mailhost/common/clock";
import { AcmeError } from "../../src/acme/acme-error.ts";
import { newKey, obtainCertificate } from "../../src/acme/authority.ts";
import { issue } from "./issuer.ts";

const CHAIN = issue(["mail.a.example"]).chain;

/** Nobody here has to be waited for. */
const QUICK: Clock = { now: () => Date.now(), after: (_ms, fn) => systemClock.after(1, fn) };

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What each place answers, by its path; functions are called with how often it was asked before. */
type Script = Readonly<Record<string, Answer | ((asked: number) => Answer)>>;

/** An authority whose every answer is good, but for those that the test gives. */
async function conversation(
  t: TestContext,
  odd: Script,
): Promise<{ error: unknown; asked: string[]; tokens: string[] }> {
  const asked: string[] = [];
  const tokens: string[] = [];
  let url = "";
  const script = (): Script => ({
    "/directory": {
      body: { newNonce: `${url}/nonce`, newAccount: `${url}/account`, newOrder: `${url}/new-order` },
    },
    "/nonce": {},
    "/account": { status: 201, headers: { location: `${url}/account/1` }, body: { status: "valid" } },
    "/new-order": { status: 201, headers: { location: `${url}/order` }, body: order("pending") },
    "/order": { body: order("ready") },
    "/authorization": (before) => ({ body: authorization(before === 0 ? "pending" : "valid") }),
    "/challenge": { body: { type: "http-01", status: "pending", url: `${url}/challenge`, token: "t0ken" } },
    "/finalize": { body: { ...order("valid"), certificate: `${url}/certificate` } },
    "/certificate": { body: CHAIN },
    ...odd,
  });
  const order = (status: string) => ({
    status,
    authorizations: [`${url}/authorization`],
    finalize: `${url}/finalize`,
  });
  const authorization = (status: string) => ({
    status,
    identifier: { type: "dns", value: "mail.a.example" },
    challenges: [{ type: "http-01", status, url: `${url}/challenge`, token: "t0ken" }],
  });
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const scripted = script()[path] ?? { status: 404 };
    const before = asked.filter((one) => one === path).length;
    asked.push(path);
    const {
      status = 200,
      headers = {},
      body = "",
    } = typeof scripted === "function" ? scripted(before) : scripted;
    response.writeHead(status, { "replay-nonce": `n${asked.length}`, ...headers });
    request.resume().on("end", () => response.end(typeof body === "string" ? body : JSON.stringify(body)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await obtainCertificate({
      directory: `${url}/directory`,
      accountKey: newKey(),
      email: "postmaster@a.example",
      names: ["mail.a.example"],
      ca: undefined,
      answers: {
        add: async (token) => void tokens.push(`+${token}`),
        remove: async (token) => void tokens.push(`-${token}`),
      },
      clock: QUICK,
      signal: new AbortController().signal,
    });
    return { error: undefined, asked, tokens };
  } catch (error) {
    return { error, asked, tokens };
  }
}

const urn = (type: string) => `urn:ietf:params:acme:error:${type}`;

test("a rate limit ends the attempt at once, with the time that the authority named", async (t) => {
  const before = Date.now();
  const { error, asked } = await conversation(t, {
    "/new-order": {
      status: 429,
      headers: { "retry-after": "86400" },
      body: { type: urn("rateLimited"), detail: "too many certificates already issued" },
    },
  });
  assert.ok(error instanceof AcmeError, String(error));
  assert.equal(error.fault, "rate-limited");
  assert.ok(error.retryAt! >= before + 86_400_000);
  assert.match(error.message, /too many certificates already issued; it may be asked again after 20/);
  assert.equal(asked.filter((path) => path === "/new-order").length, 1, "nobody insists");
});

test("a bad nonce is asked again with another; five in a row and more are the authority's fault", async (t) => {
  const bad = { status: 400, body: { type: urn("badNonce"), detail: "no" } };
  const once = await conversation(t, {
    "/new-order": (before) =>
      before < 2 ? bad : { status: 403, body: { type: urn("rejectedIdentifier"), detail: "reached" } },
  });
  assert.match(String(once.error), /rejectedIdentifier.*reached/);
  const always = await conversation(t, { "/new-order": bad });
  assert.ok(always.error instanceof AcmeError);
  assert.ok(always.asked.length < 30);
});

test("a certificate for another key or other names is not taken", async (t) => {
  const otherKey = await conversation(t, {});
  assert.match(String(otherKey.error), /certificate is for another key/);
  assert.deepEqual(otherKey.tokens, ["+t0ken", "-t0ken"]);
  const otherNames = await conversation(t, { "/certificate": { body: issue(["other.example"]).chain } });
  assert.match(String(otherNames.error), /does not name mail\.a\.example/);
});

test("a name that is not proved is told with the authority's words, and its token is forgotten", async (t) => {
  const failed = { type: "http-01", status: "invalid", url: "x", token: "t0ken" };
  const { error, tokens } = await conversation(t, {
    "/authorization": (before) => ({
      body: {
        status: before === 0 ? "pending" : "invalid",
        identifier: { type: "dns", value: "mail.a.example" },
        challenges: [
          before === 0
            ? { ...failed, status: "pending" }
            : {
                ...failed,
                error: { type: urn("caa"), detail: "CAA record for mail.a.example prevents issuance" },
              },
        ],
      },
    }),
    "/challenge": { body: failed },
  });
  // The library asks at the challenge's own address, which is none.
  assert.ok(error instanceof AcmeError, String(error));
  assert.deepEqual(tokens, ["+t0ken", "-t0ken"]);
});

test("nonsense at any place ends the attempt with an error for people, never with a fault of ours", async (t) => {
  const places = [
    "/directory",
    "/nonce",
    "/account",
    "/new-order",
    "/order",
    "/authorization",
    "/challenge",
    "/finalize",
    "/certificate",
  ];
  const nonsense: readonly Answer[] = [
    { status: 500, body: "<html>" },
    { body: "null" },
    { body: "[]" },
    { body: "{" },
    { body: { status: "odd", authorizations: ["nowhere"], challenges: 7 } },
    { status: 302, headers: { location: "http://127.0.0.1:1/" } },
  ];
  for (const place of places) {
    for (const answer of nonsense) {
      const { error } = await conversation(t, { [place]: answer });
      assert.ok(error instanceof AcmeError, `${place} ${JSON.stringify(answer)}: ${String(error)}`);
    }
  }
});
