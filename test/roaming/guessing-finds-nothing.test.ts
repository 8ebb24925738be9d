/**
 * Ten thousand guesses from fifty addresses at both servers: the right password is among them, and is not found; people log in meanwhile
 * as fast as ever.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { Endpoint } from "../harness/connection.ts";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";

const ADDRESSES = 50;
const GUESSES = 10_000;
/** Guesses under way at once. */
const AT_ONCE = ADDRESSES;
/** How long a guesser waits for an answer before it hangs up and tries the next, ms. */
const IMPATIENCE = 500;

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** One guess; what was answered until we were satisfied or impatient. */
function guess({ host, port }: Endpoint, from: string, lines: string, last: RegExp): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress: from });
    let text = "";
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(done, IMPATIENCE);
    socket.on("error", done);
    socket.on("close", done);
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (last.test(text)) done();
    });
    socket.write(lines);
  });
}

function popGuess(host: MailHost, from: string, password: string): Promise<string> {
  return guess(host.pop3, from, `USER wang\r\nPASS ${password}\r\n`, /visible message/);
}

function smtpGuess(host: MailHost, from: string, password: string): Promise<string> {
  const auth = `AUTH PLAIN ${base64(`\0wang\0${password}`)}`;
  return guess(host.submission, from, `EHLO guesser\r\n${auth}\r\n`, /^235/m);
}

/** Milliseconds that a login takes. */
async function timed(host: MailHost, user: string, from: string): Promise<number> {
  const begun = performance.now();
  const session = await loggedIn(host.pop3, user, PASSWORD, { from });
  const took = performance.now() - begun;
  await session.quit();
  return took;
}

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

test("10,000 guesses from 50 addresses find nothing, and people log in meanwhile", async (t) => {
  const host = await startHost(t, {
    users: ["wang", "li"],
    settings: { bans: { failures: 5 }, tls: { allowPlaintextAuth: true } },
  });
  const quiet: number[] = [];
  for (let n = 0; n < 5; n++) quiet.push(await timed(host, "wang", "127.0.0.200"));

  const answers: string[] = [];
  let next = 0;
  const guesser = async () => {
    while (next < GUESSES) {
      const n = next++;
      const from = `127.0.1.${1 + (n % ADDRESSES)}`;
      // The last round has it right.
      const password = n >= GUESSES - ADDRESSES ? PASSWORD : `guess ${n}`;
      answers.push(await (n % 5 === 4 ? smtpGuess : popGuess)(host, from, password));
    }
  };
  const attack = Promise.all(Array.from({ length: AT_ONCE }, guesser));
  const busy: number[] = [];
  const newcomer = timed(host, "li", "127.0.0.201");
  let over = false;
  void attack.then(() => {
    over = true;
  });
  while (!over) busy.push(await timed(host, "wang", "127.0.0.200"));
  await attack;

  assert.equal(answers.length, GUESSES);
  const found = answers.filter((text) => /visible message|^235/m.test(text));
  assert.deepEqual(found, []);
  const listed = await host.mailhost(["bans", "list", "--json"]);
  const bans = JSON.parse(listed.stdout) as readonly { readonly network: string; readonly name: string }[];
  assert.equal(bans.length, ADDRESSES, "every guesser is banned");
  assert.ok(bans.every(({ network, name }) => network.startsWith("127.0.1.") && name === "wang"));
  const looked = host
    .log()
    .split("\n")
    .filter((line) => /Failed attempted login|AUTH failure/.test(line));
  // Five each; the two servers may each have had one under way.
  assert.ok(looked.length <= ADDRESSES * 8, `${looked.length} passwords were looked at`);
  t.diagnostic(
    `a login took ${median(quiet).toFixed(0)} ms, during the attack ${median(busy).toFixed(0)} ms (${busy.length}), a first one ${(await newcomer).toFixed(0)} ms; ${looked.length} passwords were looked at`,
  );
  assert.ok(
    median(busy) < Math.max(5000, 5 * median(quiet)),
    `${median(busy)} ms, quiet ${median(quiet)} ms`,
  );
  assert.ok((await newcomer) < 60_000);
});
