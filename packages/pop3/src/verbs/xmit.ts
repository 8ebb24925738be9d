/**
 * XTND XMIT: the client sends a message, up to the line with only a dot, and it goes out as if its user had sent it on this
 * host. `+OK` means that the mail command has taken it: our own has it on stable storage then.
 */
import { messageOf } from "@mailhost/common/errors";
import { ClientGone } from "../connection/output.ts";
import { err, ok } from "../protocol/reply.ts";
import type { Transaction } from "../session-state.ts";
import type { Sent } from "../transmit/mail-command.ts";
import { WaitingMessage } from "../transmit/waiting-message.ts";
import type { Turn } from "./turn.ts";

/** XTND XMIT. The reply to a client that may not send comes before its message. */
export async function xmit(turn: Turn, state: Transaction): Promise<Transaction> {
  const { output, services, texts } = turn;
  const message = services.mailCommand === undefined ? undefined : await opened(turn);
  if (message === undefined) {
    await output.line(err(texts.cannotSendNow, "SYS/TEMP"));
    return state;
  }
  try {
    await output.line(ok(texts.startSending));
    await output.line(await taken(turn, state.user, message));
  } finally {
    await message.close();
  }
  return state;
}

async function opened({ services }: Turn): Promise<WaitingMessage | undefined> {
  try {
    return await WaitingMessage.open(services.site);
  } catch (error) {
    services.log.write("error", `XTND XMIT: no place for a message: ${messageOf(error)}`);
    return undefined;
  }
}

/** Takes the message in and has it sent; returns the reply. */
async function taken(turn: Turn, user: string, message: WaitingMessage): Promise<string> {
  const { services, texts } = turn;
  const most = services.settings().smtp.maxMessageSize;
  try {
    const { kind } = await turn.readMessage((bytes) => message.add(bytes), most);
    if (kind === "too-large") return err(texts.messageTooLarge(most));
    await message.finish();
  } catch (error) {
    if (error instanceof ClientGone) throw error;
    services.log.write("error", `XTND XMIT: a message of ${user}: ${messageOf(error)}`);
    return err(texts.cannotSendNow, "SYS/TEMP");
  }
  if (message.octets === 0) return err(texts.nothingToSend);
  const command = turn.options.mailCommand;
  return replyTo(turn, user, await services.mailCommand!.send({ user, fd: message.fd, command }));
}

function replyTo({ services: { log }, texts }: Turn, user: string, sent: Sent): string {
  switch (sent.kind) {
    case "sent":
      log.write("info", `XTND XMIT: ${user} has sent a message`);
      return ok(texts.messageSent);
    case "refused":
      log.write("info", `XTND XMIT: a message of ${user} was refused: ${sent.reason}`);
      return err(texts.notSent(sent.reason));
    case "failed":
      log.write("error", `XTND XMIT: a message of ${user} was not sent: ${sent.reason}`);
      return err(texts.cannotSendNow, "SYS/TEMP");
  }
}
