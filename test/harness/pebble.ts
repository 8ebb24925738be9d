/**
 * Pebble, Let's Encrypt's own ACME server for tests, on loopback: a real authority in all but its root, which nobody trusts.
 *
 * It asks real HTTP-01 questions, at a port of the test's choice, of names that the test's DNS server answers for; refuses good nonces
 * now and then, as RFC 8555 lets it; and issues certificates for as long as it is told to.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUpLater, type Scope } from "./clean-ups.ts";
import { eventually } from "./eventually.ts";
import { findProgram, runProgram } from "./programs.ts";
import { reservedPort } from "./reserved-port.ts";

/** What a test wants of it. */
export interface PebbleOptions {
  /** Where it looks up names: `127.0.0.1:PORT`. */
  readonly dns: string;
  /** The port that it asks its questions at; a free one when not given. */
  readonly challengePort?: number;
  /** Seconds that its certificates are valid for; five years when not given. */
  readonly validity?: number;
  /** Names that it gives no certificates for, of two labels: with longer ones this version fails at shorter names. */
  readonly blocked?: readonly string[];
}

/** A running authority. */
export interface Pebble {
  /** For acme.directory. */
  readonly directory: string;
  /** For acme.caFile: what its own web server's certificate is signed by. */
  readonly caFile: string;
  /** The port that it asks its HTTP-01 questions at, on whatever address a name has. */
  readonly challengePort: number;
  /** What it has written. */
  log(): string;
  /** The certificate at the root of those that it issues, PEM. */
  root(): Promise<string>;
  /** Ends it, as if the authority could not be reached. */
  stop(): Promise<void>;
}

/**
 * Good nonces that it refuses, per cent. A request is given up after six in a row, and some 250 are made in a run of all tests: with 25
 * per cent one run in twenty failed.
 */
const REFUSED = "5";

/** How often another port is tried, where somebody has taken it. */
const ATTEMPTS = 5;

/** Starts one; it is ended with the test. */
export async function startPebble(t: Scope, options: PebbleOptions): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-pebble-"));
  cleanUpLater(t, () => rmSync(folder, { recursive: true, force: true }));
  const caFile = join(folder, "web.pem");
  const made = await runProgram("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
    ...["-subj", "/CN=authority", "-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-keyout", join(folder, "web.key"), "-out", caFile],
  ]);
  if (made.code !== 0) throw new Error(`openssl: ${made.stderr}`);
  let wrote = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const [acme, management, challengePort] = [
      await reservedPort(),
      await reservedPort(),
      options.challengePort ?? (await reservedPort()),
    ];
    const config = {
      pebble: {
        listenAddress: `127.0.0.1:${acme}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: caFile,
        privateKey: join(folder, "web.key"),
        httpPort: challengePort,
        tlsPort: challengePort,
        ...(options.validity === undefined ? {} : { certificateValidityPeriod: options.validity }),
        domainBlocklist: options.blocked ?? [],
      },
    };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    const child = spawn(
      findProgram("pebble") ?? "pebble",
      ["-config", join(folder, "config.json"), "-dnsserver", options.dns, "-strict"],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          PEBBLE_VA_NOSLEEP: "1",
          PEBBLE_WFE_NONCEREJECT: REFUSED,
          PEBBLE_AUTHZREUSE: "0",
        },
      },
    );
    child.stdout.on("data", (chunk) => (wrote += chunk));
    child.stderr.on("data", (chunk) => (wrote += chunk));
    cleanUpLater(t, () => end(child));
    const directory = `https://127.0.0.1:${acme}/dir`;
    const up = await eventually(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return "ended";
        return (await fetched(directory, caFile)).includes("newOrder") ? "up" : undefined;
      },
      { what: "pebble to answer", within: 60_000 },
    );
    if (up === "ended") continue;
    return {
      directory,
      caFile,
      challengePort,
      log: () => wrote,
      root: () => fetched(`https://127.0.0.1:${management}/roots/0`, caFile),
      stop: () => end(child),
    };
  }
  throw new Error(`pebble does not start:\n${wrote}`);
}

function fetched(url: string, caFile: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca: readFileSync(caFile), agent: false, timeout: 5000 }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve(text));
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("error", reject);
    asked.end();
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
