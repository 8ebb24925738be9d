/**
 * The other hosts, in a process of their own: while the harness is busy they answer as soon as a real one would. What they take
 * is judged there, and told by mark and recipient.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Sink, startSink, type TakenMessage } from "../harness/sink.ts";
import { isWhole, markIn } from "./marked-mail.ts";

/** A letter that another host has taken. */
export interface TakenLetter {
  readonly mark: string | undefined;
  readonly whole: boolean;
  readonly recipient: string;
  /** The beginning of what has no mark. */
  readonly text: string;
}

/** The other hosts. */
export interface Sinks {
  /** Takes mail; refuses `nobody`. */
  readonly port: number;
  /** Takes mail while it is open. */
  readonly laterPort: number;
  setOpen(open: boolean): void;
  /** What has been taken since the last call. */
  taken(): Promise<TakenLetter[]>;
  close(): Promise<void>;
}

/** Starts them. */
export async function startSinks(address: string): Promise<Sinks> {
  const child = fork(fileURLToPath(import.meta.url), [address]);
  const [ports] = (await once(child, "message")) as [{ port: number; laterPort: number }];
  return {
    ...ports,
    setOpen: (open) => child.send({ open }),
    async taken() {
      const answer = once(child, "message");
      child.send({ take: true });
      const [letters] = (await answer) as [TakenLetter[]];
      return letters;
    },
    async close() {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}

async function serve(address: string): Promise<void> {
  let open = false;
  const sink = await startSink(address, 0, {
    reply: (verb, line) =>
      verb === "RCPT" && line.includes("<nobody@") ? "550 5.1.1 no such user" : undefined,
  });
  const later = await startSink(address, 0, {
    reply: (verb) => (verb === "RCPT" && !open ? "451 4.2.0 later" : undefined),
  });
  process.on("message", (message: { open?: boolean; take?: true }) => {
    if (message.open !== undefined) open = message.open;
    if (message.take === true) process.send!([sink, later].flatMap(emptied));
  });
  process.on("disconnect", () => process.exit(0));
  process.send!({ port: sink.port, laterPort: later.port });
}

function emptied(sink: Sink): TakenLetter[] {
  (sink.commands as string[]).length = 0;
  return (sink.messages as TakenMessage[]).splice(0).flatMap(({ message, recipients }) =>
    recipients.map((recipient) => ({
      mark: markIn(message),
      whole: isWhole(message),
      recipient: /<([^>]*)>/.exec(recipient)?.[1] ?? "",
      text: message.toString("latin1", 0, 400),
    })),
  );
}

const [, program, address] = process.argv;
if (program === fileURLToPath(import.meta.url) && address !== undefined) await serve(address);
