/**
 * The size of a mailbox as its limit counts it: octets of the mbox.
 */
import { stat } from "node:fs/promises";
import type { Site } from "../site.ts";

/** Octets; 0 where there is none, or where it can not be looked at, which is for whoever writes it to say. */
export async function mailboxSize(site: Pick<Site, "mailboxFile">, name: string): Promise<number> {
  try {
    return (await stat(site.mailboxFile(name))).size;
  } catch {
    return 0;
  }
}
