/**
 * Printing what may be more than fits in memory: waits for whoever reads, and stops without noise when nobody does any more.
 */
import { once } from "node:events";

/** Where a command prints; a test passes its own. */
export interface OctetOutput {
  /** Takes text or octets; `false` asks to wait for `drain`, as with a stream. */
  write(text: string | Uint8Array): unknown;
}

const CHUNK = 64 * 1024;

/** Prints strings of octets. */
export async function printOctets(out: OctetOutput, pieces: Iterable<string>): Promise<void> {
  const stream = "once" in out ? (out as NodeJS.WriteStream) : undefined;
  let gone: Error | undefined;
  const onError = (error: Error) => (gone ??= error);
  stream?.on("error", onError);
  const put = async (text: string) => {
    const ready = out.write(Buffer.from(text, "latin1"));
    // A reader that has gone (`makemap -u … | head`) never drains.
    if (ready === false && stream !== undefined && !stream.destroyed)
      await Promise.race([once(stream, "drain"), once(stream, "close")]).catch(onError);
  };
  try {
    let pending = "";
    for (const piece of pieces) {
      pending += piece;
      if (pending.length < CHUNK) continue;
      await put(pending);
      pending = "";
      if (gone !== undefined || stream?.destroyed === true) return;
    }
    if (pending !== "") await put(pending);
  } finally {
    stream?.off("error", onError);
  }
}
