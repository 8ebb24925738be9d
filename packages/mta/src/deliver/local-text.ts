/**
 * A message as programs on this host read it: LF line ends, and in front of it the lines that its mailer's flags ask for.
 */
import { messageHead } from "@mailhost/common/mbox/from-line";
import type { MessageBody } from "../queue/queue-store.ts";

/** What stands in front of the message. */
export interface LocalHead {
  /** Envelope sender; empty for `<>`. */
  readonly sender: string;
  /** ms since 1970: the date of the `From ` line. */
  readonly receivedAt: number;
  /** `From sender date` (mailers without the flag n). */
  readonly fromLine: boolean;
  /** `Return-Path: <sender>` (mailers with the flag P). */
  readonly returnPath: boolean;
}

const CR = 0x0d;
const LF = 0x0a;
const LINE_END = Buffer.from("\n");

/**
 * Streams a message. Lines that begin with `From ` stay as they are.
 *
 * @throws when the stored bytes are not all there
 */
export async function* localText(body: MessageBody, head: LocalHead): AsyncGenerator<Buffer> {
  yield headOf(head);
  let octets = 0;
  let heldCr = false;
  let last = LF;
  for await (const chunk of body.stream()) {
    octets += chunk.length;
    const out = withoutCr(chunk, heldCr);
    heldCr = chunk.length > 0 ? chunk.at(-1) === CR : heldCr;
    if (out.length === 0) continue;
    last = out.at(-1)!;
    yield out;
  }
  if (octets !== body.size) throw new Error(`${octets} of ${body.size} octets`);
  if (heldCr || last !== LF) yield LINE_END;
}

function headOf({ sender, receivedAt, fromLine, returnPath }: LocalHead): Buffer {
  const [from = "", path = ""] = messageHead(sender, receivedAt).toString("utf8").split("\n");
  return Buffer.from(`${fromLine ? `${from}\n` : ""}${returnPath ? `${path}\n` : ""}`);
}

/**
 * The chunk with each CRLF as LF.
 *
 * @param heldCr the chunk before ended in a CR, which was not given out
 */
function withoutCr(chunk: Buffer, heldCr: boolean): Buffer {
  const out = Buffer.allocUnsafe(chunk.length + 1);
  let length = 0;
  let held = heldCr;
  for (const octet of chunk) {
    if (held && octet !== LF) out[length++] = CR;
    held = octet === CR;
    if (!held) out[length++] = octet;
  }
  return out.subarray(0, length);
}
