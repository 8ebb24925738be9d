import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { AcmeError } from "../../src/acme/acme-error.ts";
import { httpsAdapter, retryTime } from "../../src/acme/https-adapter.ts";

const NOW = Date.UTC(2026, 10, 27);

/** Asks a server that answers in some way. */
async function asked(t: TestContext, serve: RequestListener, signal = new AbortController().signal) {
  const server = createServer(serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/new-order`;
  const ask = httpsAdapter({ ca: undefined, clock: systemClock, signal, mostRequests: 9 });
  return ask({ url, method: "post", data: "{}", headers: {} });
}

const problem =
  (status: number, body: object, headers = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/problem+json", ...headers });
    response.end(JSON.stringify(body));
  };

/** The error that comes of it. */
async function failure(answer: Promise<unknown>): Promise<AcmeError> {
  try {
    await answer;
  } catch (error) {
    assert.ok(error instanceof AcmeError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "no error came" });
}

const urn = (type: string) => `urn:ietf:params:acme:error:${type}`;

test("Retry-After: seconds, a date, or nothing", () => {
  assert.equal(retryTime("3600", NOW), NOW + 3_600_000);
  assert.equal(retryTime("Sat, 28 Nov 2026 00:00:00 GMT", NOW), NOW + 86_400_000);
  assert.equal(retryTime("Thu, 01 Jan 1970 00:00:00 GMT", NOW), undefined);
  assert.equal(retryTime("soon", NOW), undefined);
  assert.equal(retryTime(undefined, NOW), undefined);
});

test("a rate limit is known by its type or its status, and says when", async (t) => {
  const before = Date.now();
  const limited = await failure(
    asked(
      t,
      problem(429, { type: urn("rateLimited"), detail: "too many\r\nnew orders" }, { "retry-after": "7200" }),
    ),
  );
  assert.equal(limited.fault, "rate-limited");
  assert.ok(limited.retryAt! >= before + 7_200_000);
  assert.match(limited.message, /rate limit is reached: too many new orders; it may be asked again after 20/);
  assert.equal((await failure(asked(t, problem(429, {})))).fault, "rate-limited");
});

test("a refusal says what to do; several names are all named", async (t) => {
  const refused = await failure(
    asked(
      t,
      problem(403, {
        type: urn("rejectedIdentifier"),
        detail: "no",
        subproblems: [{ detail: "a.example is blocked" }, { detail: "b.example is blocked" }, null, 7],
      }),
    ),
  );
  assert.equal(refused.fault, "refused");
  assert.match(
    refused.message,
    /\(rejectedIdentifier\): no; a\.example is blocked; b\.example is blocked; .*see acme\.domains/,
  );
  const odd = await failure(asked(t, problem(400, { type: 7, detail: { a: 1 } })));
  assert.match(odd.message, /refuses \(400\): no reason given/);
});

test("trouble of the authority's own passes; what is no JSON, too long or cut off is no crash", async (t) => {
  assert.equal((await failure(asked(t, problem(503, {}, { "retry-after": "60" })))).fault, "trouble");
  const html: RequestListener = (_q, response) => response.writeHead(502).end("<html>");
  assert.match((await failure(asked(t, html))).message, /in trouble \(502\)/);
  const endless: RequestListener = (_q, response) => {
    response.on("error", () => undefined);
    for (let n = 0; n < 40; n += 1) response.write(Buffer.alloc(64 * 1024));
  };
  assert.match((await failure(asked(t, endless))).message, /more than 1048576 octets/);
  const cut: RequestListener = (request, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("{");
    setImmediate(() => request.socket.destroy());
  };
  assert.equal((await failure(asked(t, cut))).fault, "unreachable");
});

test("a bad nonce is handed to the library, which asks again", async (t) => {
  const answer = await asked(t, problem(400, { type: urn("badNonce") }));
  assert.equal(answer.status, 400);
});

test("being stopped ends what is under way", async (t) => {
  const stop = new AbortController();
  const hanging = asked(t, () => stop.abort(), stop.signal);
  assert.match((await failure(hanging)).message, /stopped before/);
});

test("who does not answer is named, with what to look at", async () => {
  const ask = httpsAdapter({
    ca: undefined,
    clock: systemClock,
    signal: new AbortController().signal,
    mostRequests: 9,
  });
  const refused = await failure(ask({ url: "https://127.0.0.1:1/dir", method: "get", headers: {} }));
  assert.equal(refused.fault, "unreachable");
  assert.match(refused.message, /127\.0\.0\.1:1 can not be spoken to: .*see acme\.directory/);
  assert.equal((await failure(ask({ url: "nonsense", headers: {} }))).fault, "trouble");
});
