/**
 * Runs the command that takes in the messages of XTND XMIT: our own `sendmail -t -oi`, or the one that the settings name
 * (Qpopper's mail-command, which it ran the same way). What the command's exit says is passed on.
 *
 * It gets nothing of ours: no descriptor but its streams, and an environment of its own.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Clock } from "@mailhost/common/clock";
import { spawnApart } from "@mailhost/common/daemon/closed-descriptors";
import { messageOf } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import {
  EX_DATAERR,
  EX_NOHOST,
  EX_NOPERM,
  EX_NOUSER,
  EX_OK,
  EX_UNAVAILABLE,
  EX_USAGE,
} from "@mailhost/common/sysexits";

/** How long the command may take, ms. */
const TIME_LIMIT = 5 * 60_000;
/** Octets kept of what the command says. */
const LONGEST_COMPLAINT = 4096;
/** Commands that run at once; the others wait. */
const AT_ONCE = 4;
/** Ends that are about this message, and not about the host. */
const REFUSALS: readonly number[] = [EX_USAGE, EX_DATAERR, EX_NOUSER, EX_NOHOST, EX_UNAVAILABLE, EX_NOPERM];

/** What became of a message. */
export type Sent =
  | { readonly kind: "sent" }
  /** It is not taken and will not be: the command's own words. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The command could not do its work now; `reason` is for the log. */
  | { readonly kind: "failed"; readonly reason: string };

/** One message to send. */
export interface Sending {
  /** The account that sends it. */
  readonly user: string;
  /** The message, as {@link WaitingMessage.fd}. */
  readonly fd: number;
  /** pop3.mailCommand: a program and its first arguments, apart by spaces; absent: our own sendmail. */
  readonly command?: string | undefined;
}

/** Sends messages of users who are logged in. */
export interface MailCommand {
  /** Never rejects. */
  send(sending: Sending): Promise<Sent>;
}

/** The commands of one site. */
export function openMailCommand(site: Site, clock: Clock): MailCommand {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async send(sending) {
      if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
      else running++;
      try {
        return await run(argvOf(site, sending), sending.fd, clock);
      } finally {
        // The place goes on to the next, or is free.
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
  };
}

/** The program and its arguments. The sender is the user, whatever the message says. */
export function argvOf(site: Site, { user, command }: Pick<Sending, "user" | "command">): string[] {
  const words = (command ?? "").split(/\s+/).filter((word) => word !== "");
  if (words.length > 0) return [...words, "-t", "-oi", "-f", user];
  return [...ownSendmail(), "--root", site.root, "-t", "-oi", "-f", user];
}

/** The launcher's `sendmail` lies beside this package wherever both are; else the system's. */
function ownSendmail(): string[] {
  const program = fileURLToPath(new URL("../../../launcher/bin/sendmail.js", import.meta.url));
  return existsSync(program) ? [process.execPath, ...process.execArgv, program] : ["/usr/sbin/sendmail"];
}

/** What every program of a system expects, and nothing that may be a secret of ours. */
function environment(): Record<string, string> {
  const { TZ } = process.env;
  return { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...(TZ === undefined ? {} : { TZ }) };
}

function run([program = "", ...args]: readonly string[], fd: number, clock: Clock): Promise<Sent> {
  return new Promise((resolve) => {
    let said = "";
    const failed = (how: string) => resolve({ kind: "failed", reason: `${program} ${how}` });
    let child: ChildProcess;
    try {
      child = spawnApart([program, ...args], [fd, "ignore", "pipe"], { cwd: "/", env: environment() });
    } catch (error) {
      // Out of descriptors or processes.
      failed(`can not be run: ${messageOf(error)}`);
      return;
    }
    const timer = clock.after(TIME_LIMIT, () => {
      killGroup(child);
      failed(`did not end within ${TIME_LIMIT / 1000} s`);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(0, LONGEST_COMPLAINT);
    });
    child.once("error", (error) => {
      timer.cancel();
      failed(`can not be run: ${messageOf(error)}`);
    });
    child.once("close", (code, signal) => {
      timer.cancel();
      const complaint =
        said
          .split("\n")
          .find((line) => line.trim() !== "")
          ?.trim() ?? "";
      if (code === EX_OK) resolve({ kind: "sent" });
      else if (code !== null && REFUSALS.includes(code)) {
        resolve({ kind: "refused", reason: complaint === "" ? `exit code ${code}` : complaint });
      } else failed(`ended with ${code ?? signal}${complaint === "" ? "" : `: ${complaint}`}`);
    });
  });
}

/** What the command has started goes with it. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
