/**
 * Asking the helper that checks passwords as root: one JSON object a line each way on `run/passwords.sock`, a connection a
 * question.
 *
 *     {"name":"alice","password":"…"}  ->  {"right":true}
 */
import { messageOf } from "../errors.ts";
import type { Site } from "../site.ts";
import { AccountsUnavailable } from "./account-errors.ts";

/** Longest line, octets: a name and a password, each octet of it escaped. */
export const HELPER_LINE_LIMIT = 16 * 1024;

/** ms that a question may take: PAM's modules wait behind wrong passwords, and ask directories of their own. */
const ANSWER_WITHIN = 60_000;

/**
 * Whether the helper says that a password is right.
 *
 * @throws AccountsUnavailable when it does not say
 */
export async function askPasswordHelper(site: Site, name: string, password: string): Promise<boolean> {
  const line = `${JSON.stringify({ name, password })}\n`;
  if (Buffer.byteLength(line) > HELPER_LINE_LIMIT) return false;
  const path = site.passwordSocket;
  const { connect } = await import("node:net");
  return await new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new AccountsUnavailable(`the password helper (${path}): ${why}`));
    const socket = connect(path);
    let text = "";
    socket.setEncoding("utf8");
    socket.setTimeout(ANSWER_WITHIN, () => socket.destroy(new Error("no answer")));
    socket.on("error", (error) => fail(messageOf(error)));
    socket.on("data", (piece: string) => {
      text += piece;
      if (!text.includes("\n") && text.length < HELPER_LINE_LIMIT) return;
      socket.destroy();
      const answer = parsed(text);
      if (typeof answer?.right === "boolean") resolve(answer.right);
      else fail(typeof answer?.error === "string" ? answer.error : "an answer that is none");
    });
    socket.on("close", () => fail("closed without an answer"));
    socket.write(line);
  });
}

function parsed(text: string): { right?: unknown; error?: unknown } | undefined {
  try {
    return JSON.parse(text) as { right?: unknown; error?: unknown };
  } catch {
    return undefined;
  }
}

/** Whether a helper listens. */
export async function hasPasswordHelper(site: Site): Promise<boolean> {
  const { connect } = await import("node:net");
  return await new Promise((resolve) => {
    const socket = connect(site.passwordSocket);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
