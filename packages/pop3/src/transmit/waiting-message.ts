/**
 * A message that a client is sending, in a file without a name: it goes with its descriptor, whatever ends the process. No
 * program is started for a message before all of it is here.
 */

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Site } from "@mailhost/common/site";
import { UnixLines } from "./unix-lines.ts";

/** A message on its way to the mail command, its line ends LF. */
export class WaitingMessage {
  readonly #file: FileHandle;
  readonly #lines = new UnixLines();
  #octets = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Makes the file.
   *
   * @throws errors of the system
   */
  static async open(site: Site): Promise<WaitingMessage> {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
    const path = join(site.stateDir, `xmit-${randomBytes(12).toString("hex")}`);
    const file = await open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
    try {
      await unlink(path);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new WaitingMessage(file);
  }

  /** Octets written so far. */
  get octets(): number {
    return this.#octets;
  }

  /** The file, its position at the start: for a program's standard input. */
  get fd(): number {
    return this.#file.fd;
  }

  /**
   * Adds bytes of the message.
   *
   * @throws errors of the system
   */
  async add(bytes: Buffer): Promise<void> {
    await this.#write(this.#lines.take(bytes));
  }

  /** Adds what was held back. The message is whole then. */
  async finish(): Promise<void> {
    await this.#write(this.#lines.finish());
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      // With its place given, so that the file's own position stays at the start.
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#octets);
      done += bytesWritten;
      this.#octets += bytesWritten;
    }
  }
}
