/**
 * The helper that stays root when the servers have given it up, to check passwords of the system's accounts and nothing
 * else. It says yes or no, to whoever may open its socket (the servers' user, by its mode), and confirms no account whose
 * user id the settings keep out.
 *
 * Bounded in all that comes from outside: questions at once, their length, and how fast wrong passwords are answered, so that
 * a server that was taken over can not guess any faster than the network could.
 */
import { lchownSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { type Clock, delay } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { Site } from "../site.ts";
import { AccountsUnavailable } from "./account-errors.ts";
import type { Account } from "./accounts.ts";
import { HELPER_LINE_LIMIT } from "./password-helper-client.ts";
import type { SystemPasswords } from "./system-passwords.ts";

/** Questions at once; further ones wait in the socket's queue, or are refused. */
const MOST_QUESTIONS = 256;
/** ms that a question may take to be asked. */
const ASK_WITHIN = 10_000;
/** ms between two answers that say no, beyond those of the last seconds: 20 a second. */
const BETWEEN_WRONG = 50;
/** ms that a wrong answer waits at most. */
const LONGEST_WAIT = 5_000;

/** What it works with. */
export interface PasswordHelperParts {
  readonly clock: Clock;
  /** Who checks now. */
  readonly passwords: () => SystemPasswords | undefined;
  /** The system's account of a name in lower case. */
  readonly accountOf: (name: string) => Account | undefined;
  /** Accounts up to this user id are never confirmed. */
  readonly blockUid: () => number;
  /** Told of what went wrong. */
  readonly onFault: (text: string) => void;
  /** Whose the socket is; absent: ours. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Listens; resolves when questions are taken. */
export async function servePasswords(site: Site, parts: PasswordHelperParts): Promise<Server> {
  const path = site.passwordSocket;
  const answer = answering(parts);
  const server = createServer((socket) => serve(socket, answer, parts));
  server.maxConnections = MOST_QUESTIONS;
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
  // Between the two calls below nobody else may come in.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } finally {
    process.umask(mask);
  }
  // Its folder may be the servers' user's: a link that has taken the name's place is not followed.
  if (parts.owner !== undefined) lchownSync(path, parts.owner.uid, parts.owner.gid);
  return server;
}

type Answer = { readonly right: boolean } | { readonly error: string };

function answering(parts: PasswordHelperParts): (name: string, password: string) => Promise<Answer> {
  const { clock, passwords, accountOf, blockUid, onFault } = parts;
  let nextWrong = 0;
  return async (name, password) => {
    try {
      const checker = passwords();
      if (checker === undefined) return { error: "no passwords of the system's are checked" };
      const key = name.toLowerCase();
      const uid = accountOf(key)?.uid;
      const right = await checker.check(key, password);
      if (right && uid !== undefined && uid > blockUid()) return { right: true };
      const now = clock.now();
      nextWrong = Math.max(now, nextWrong) + BETWEEN_WRONG;
      const wait = nextWrong - now - BETWEEN_WRONG;
      if (wait > 0) await delay(clock, Math.min(LONGEST_WAIT, wait));
      return { right: false };
    } catch (error) {
      onFault(messageOf(error));
      return { error: error instanceof AccountsUnavailable ? error.message : "a fault; see the log" };
    }
  };
}

function serve(
  socket: Socket,
  answer: (name: string, password: string) => Promise<Answer>,
  { onFault }: PasswordHelperParts,
): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.setTimeout(ASK_WITHIN, () => socket.destroy());
  // Whoever went away has its reasons.
  socket.on("error", () => socket.destroy());
  const hear = (piece: string) => {
    text += piece;
    const end = text.indexOf("\n");
    if (end < 0 && text.length <= HELPER_LINE_LIMIT) return;
    socket.off("data", hear).pause().setTimeout(0);
    const question = end < 0 ? undefined : parsed(text.slice(0, end));
    if (question === undefined) {
      socket.destroy();
      return;
    }
    answer(question.name, question.password).then(
      (said) => socket.end(`${JSON.stringify(said)}\n`),
      (error: unknown) => {
        onFault(messageOf(error));
        socket.destroy();
      },
    );
  };
  socket.on("data", hear);
}

function parsed(line: string): { name: string; password: string } | undefined {
  try {
    const { name, password } = JSON.parse(line) as { name?: unknown; password?: unknown };
    return typeof name === "string" && typeof password === "string" ? { name, password } : undefined;
  } catch {
    return undefined;
  }
}
