/**
 * What a verb's handler works with while it carries out one command.
 */

import type { Settings } from "@mailhost/common/settings/settings";
import type { Client } from "../connection/client.ts";
import type { MessageSink, MessageTaken } from "../connection/input.ts";
import type { Output } from "../connection/output.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import type { ReadAhead } from "../maildrop/read-ahead.ts";
import type { Services } from "../services.ts";
import type { SessionModes } from "../session-modes.ts";
import type { Texts } from "../texts/texts.ts";

/** The POP3 settings that hold for one session. */
export type SessionOptions = Settings["pop3"];

/** One command's turn. */
export interface Turn {
  readonly services: Services;
  readonly client: Client;
  readonly output: Output;
  /** What is said to people, in the session's language. */
  readonly texts: Texts;
  /** What the client has asked for in this session; verbs may change it. */
  readonly modes: SessionModes;
  /** The words behind the verb; for verbs that take all, one text as it was typed. */
  readonly words: readonly string[];
  /** The greeting's challenge for APOP; undefined when it had none. */
  readonly challenge: string | undefined;
  /** Whether this client may send its password on this connection. */
  mayUsePassword(): boolean;
  /** Resolves after so many milliseconds, or at once when the client is gone. */
  pause(ms: number): Promise<void>;
  /** Counts a failed login of this connection and returns the number so far. */
  loginFailed(): number;
  /** The client is who it says; what a login takes from here on is the mailbox's time (pop3.timing). */
  authenticated(): void;
  /** What the session has read ahead of its mailbox. */
  readAhead(drop: Maildrop): ReadAhead;
  /**
   * Lets the client's address relay for a while (DRAC), as often as that is worth a write.
   *
   * @returns resolves when that counts; undefined when nothing was to be written
   */
  renewRelay(user: string): Promise<void> | undefined;

  /** The POP3 settings of this session: the site's, unless {@link setOptions} replaced them. */
  readonly options: SessionOptions;
  /** Replaces the settings for the rest of this session, as a user's own options do at the login. */
  setOptions(options: SessionOptions): void;
  /** Whether STLS is possible: there is a certificate, and the connection is not encrypted yet. */
  canStartTls(): boolean;
  /**
   * Sends a reply and encrypts the connection (RFC 2595 section 4). What the client had sent behind the command is dropped
   * unread. Afterwards `client.secure` is true; the caller returns a fresh authorization state.
   *
   * @returns false, with nothing sent or dropped, where {@link canStartTls} is false
   */
  startTls(reply: string): Promise<boolean>;
  /**
   * One raw line of the client, without its line end; sends what was gathered first. `too-long` for a longer line, which
   * is skipped.
   *
   * @param longest octets of a line, its end included; 64 KiB when not given
   * @throws ClientGone when the client ended before the end of the line
   */
  readLine(longest?: number): Promise<Buffer | "too-long">;
  /**
   * Takes a message that the client sends, up to the line with only a dot, dot-stuffing undone, line ends as they came; sends what
   * was gathered first.
   *
   * @param sink gets the message piece by piece; more is read from the client when it resolves
   * @param most octets that the sink is given at most
   * @throws ClientGone when the client ended before the dot; what the sink throws, once the rest of the message is read
   */
  readMessage(sink: MessageSink, most: number): Promise<MessageTaken>;
}
