/**
 * The control socket `run/mailhost.sock`, from the side of the commands: one JSON object a line each way.
 *
 *     {"command":"wake"}  ->  {"ok":true}
 *
 * `wake` has the mta look at its queue, `run-queue` has it attempt everything (with `"selection":{…}` what that is for,
 * see mta queue/selection.ts), `submission` has it take a message from the drop folder and tells what became of it,
 * `reload` is SIGHUP, `certificate` has the host get a certificate (`"action":"get"`) and tells how that goes (`progress`), and
 * `status` tells of the processes. The launcher answers (launcher/src/start/control-server.ts).
 */
import { connect } from "node:net";
import { errnoOf } from "../errors.ts";
import type { Site } from "../site.ts";

/** Longest path of a Unix socket in octets (sockaddr_un, less its end). */
export const SOCKET_PATH_LIMIT = 107;

/** Longest line in either direction, octets. */
export const CONTROL_LINE_LIMIT = 64 * 1024;

/** How long an answer may take (ms). */
const ANSWER_TIMEOUT = 5000;

/** How long the fate of a submission may take to be known (ms); after that the daemon tells the sender by a report. */
export const SUBMISSION_TIMEOUT = 8000;

/** The answer to a command. */
export interface ControlAnswer {
  readonly ok: boolean;
  /** Why not. */
  readonly error?: string;
  readonly [key: string]: unknown;
}

/** Errors that mean that there is no launcher we could talk to. */
const NOBODY = new Set(["ENOENT", "ECONNREFUSED", "EACCES", "EPERM", "ENOTDIR"]);

/**
 * Says one command to the launcher of a site.
 *
 * @param more further members of the command's line, such as `selection`
 * @returns its answer; undefined when nobody listens (no launcher runs, or we may not talk to it)
 * @throws when the launcher is there and answers nothing, or nonsense
 */
export function sendControl(
  site: Site,
  command: string,
  timeout = ANSWER_TIMEOUT,
  more: Readonly<Record<string, unknown>> = {},
): Promise<ControlAnswer | undefined> {
  if (Buffer.byteLength(site.controlSocket) > SOCKET_PATH_LIMIT) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const socket = connect(site.controlSocket);
    let text = "";
    socket.setEncoding("utf8");
    socket.setTimeout(timeout, () => {
      socket.destroy(new Error(`${site.controlSocket}: no answer within ${timeout} ms`));
    });
    socket.on("error", (error) => {
      if (NOBODY.has(errnoOf(error) ?? "")) resolve(undefined);
      else reject(error);
    });
    socket.on("data", (piece: string) => {
      text += piece;
      const end = text.indexOf("\n");
      if (end < 0 && text.length <= CONTROL_LINE_LIMIT) return;
      socket.destroy();
      try {
        resolve(JSON.parse(text.slice(0, Math.max(0, end))) as ControlAnswer);
      } catch {
        reject(new Error(`${site.controlSocket}: an answer that is no JSON line`));
      }
    });
    socket.on("close", () => reject(new Error(`${site.controlSocket}: closed without an answer`)));
    socket.write(`${JSON.stringify({ ...more, command })}\n`);
  });
}

/** True when a launcher of the site answers its socket. */
export function isListening(site: Site): Promise<boolean> {
  if (Buffer.byteLength(site.controlSocket) > SOCKET_PATH_LIMIT) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(site.controlSocket);
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
