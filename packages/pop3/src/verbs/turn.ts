/**
 * What a verb's handler works with while it carries out one command.
 */
import type { Client } from "../connection/client.ts";
import type { Output } from "../connection/output.ts";
import type { Services } from "../services.ts";
import type { Texts } from "../texts/texts.ts";

/** One command's turn. */
export interface Turn {
  readonly services: Services;
  readonly client: Client;
  readonly output: Output;
  /** What is said to people, in the session's language. */
  readonly texts: Texts;
  /** The words behind the verb; for verbs that take all, one text as it was typed. */
  readonly words: readonly string[];
  /** Whether this client may send its password on this connection. */
  mayUsePassword(): boolean;
  /** Resolves after so many milliseconds, or at once when the client is gone. */
  pause(ms: number): Promise<void>;
  /** Counts a failed login of this connection and returns the number so far. */
  loginFailed(): number;
  /** Lets the client's address relay for a while (DRAC), as often as that is worth a write. */
  renewRelay(user: string): void;
}
