/**
 * The mailer `prog`: `|command` of an alias or a `.forward`, with the message as its standard input.
 *
 * As Sendmail's prog mailer (flags lsDFMoqeu9): a `From ` line in front, LF line ends, `/bin/sh -c` or the restricted shell,
 * exit codes of sysexits(3). A program that exited 0 has taken the message.
 */
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import type { LocalSettings } from "@mailhost/common/settings/sendmail-settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { EX_UNAVAILABLE } from "@mailhost/common/sysexits";
import type { QueueRecipient, Target } from "../queue/queue-entry.ts";
import { type Acting, actingFor, actingParts } from "./controller.ts";
import { type EndedProgram, outcomeOfEnd } from "./exit-status.ts";
import { localText } from "./local-text.ts";
import type { Attempt } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { programEnvironment, workingFolder } from "./program-environment.ts";
import { runProgram } from "./program-runner.ts";
import { type FileKind, restrictCommand } from "./restricted-shell.ts";
import { WorkSlots } from "./work-slots.ts";

/** What the mailer works with. */
export interface ProgramMailerParts {
  readonly site: Site;
  readonly local: Pick<LocalSettings, "programDirectory" | "programTimeout" | "defaultUser">;
  /** Shared with everything else that runs programs. */
  readonly slots: WorkSlots;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends what is running: the host stops. */
  readonly stop?: AbortSignal;
}

type ProgramTarget = Extract<Target, { kind: "program" }>;

const MAILER = "prog";

/** Programs at once: in all, and of one command. */
export function programSlots(): WorkSlots {
  return new WorkSlots({ total: 40, perName: 10 });
}

/** Runs a recipient's program once. Never rejects for what the program did. */
export async function deliverToProgram(
  attempt: Attempt,
  recipient: QueueRecipient,
  parts: ProgramMailerParts,
): Promise<Outcome> {
  const target = recipient.target as ProgramTarget;
  const acting = actingFor(target.as, actingParts(parts.site, parts.local.defaultUser));
  if (acting.kind === "refused") {
    parts.log.write("error", `${attempt.entry.id}: |${target.command}: ${acting.reply.text}`);
    return { kind: "deferred", relay: MAILER, reply: acting.reply };
  }
  const plan = planOf(target.command, parts);
  if (plan.kind === "refused") {
    parts.log.write("error", `${attempt.entry.id}: ${plan.text} (alias ${target.as.name})`);
    const end = { kind: "exit", code: EX_UNAVAILABLE, output: plan.text } as const;
    return outcomeOfEnd(end, plan.named);
  }
  return parts.slots.run(target.command, () => run(attempt, recipient, acting, plan, parts));
}

async function run(
  { entry, body }: Attempt,
  recipient: QueueRecipient,
  acting: Extract<Acting, { kind: "user" }>,
  plan: Extract<Plan, { kind: "run" }>,
  parts: ProgramMailerParts,
): Promise<Outcome> {
  const sender = recipient.sender ?? entry.sender;
  const { as } = recipient.target as ProgramTarget;
  const head = { sender, receivedAt: entry.receivedAt, fromLine: true, returnPath: false };
  const end = await runProgram({
    argv: plan.argv,
    env: programEnvironment(acting.user, { SENDER: sender, RECIPIENT: as.name }),
    cwd: workingFolder(acting.user),
    ...(acting.become === undefined ? {} : { as: acting.become }),
    input: localText(body, head),
    timeLimit: parts.local.programTimeout,
    clock: parts.clock,
    ...(parts.stop === undefined ? {} : { stop: parts.stop }),
  });
  return outcomeOfEnd(end, plan.named);
}

type Plan =
  | { readonly kind: "run"; readonly argv: readonly [string, ...string[]]; readonly named: EndedProgram }
  | { readonly kind: "refused"; readonly text: string; readonly named: EndedProgram };

function planOf(command: string, { local, site }: ProgramMailerParts): Plan {
  const shell = (text: string, program: string): Plan => ({
    kind: "run",
    argv: ["/bin/sh", "-c", text],
    named: { mailer: MAILER, program },
  });
  if (local.programDirectory === "") return shell(command, "/bin/sh");
  const restricted = restrictCommand(command, sitePath(site, local.programDirectory), fileKind);
  switch (restricted.kind) {
    case "program":
      return {
        kind: "run",
        argv: restricted.argv,
        named: { mailer: MAILER, program: basename(restricted.argv[0]) },
      };
    case "shell":
      return shell(restricted.command, "smrsh");
    case "refused":
      return { kind: "refused", text: restricted.text, named: { mailer: MAILER, program: "smrsh" } };
  }
}

function fileKind(path: string): FileKind {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return "absent";
  if (!found.isFile()) return "not a file";
  return (found.mode & 0o111) === 0 ? "not executable" : "program";
}
