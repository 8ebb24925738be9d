/**
 * Record marking (RFC 5531 section 11): messages on a stream, in fragments that each say how long they are.
 */
import { LONGEST_CALL } from "./rpc-message.ts";

const LAST = 0x8000_0000;

/** Puts the records of one stream together. */
export class RecordReader {
  #data: Buffer = Buffer.alloc(0);
  #record: Buffer = Buffer.alloc(0);
  #fragments = 0;

  /**
   * Takes what came.
   *
   * @returns the records that are whole now; undefined when one is longer than any call, and the stream is to be closed
   */
  take(octets: Buffer): Buffer[] | undefined {
    this.#data = Buffer.concat([this.#data, octets]);
    const records: Buffer[] = [];
    for (;;) {
      if (this.#data.length < 4) return records;
      const mark = this.#data.readUInt32BE(0);
      const length = mark % LAST;
      // Empty fragments without end are no record either.
      if (this.#record.length + length > LONGEST_CALL || ++this.#fragments > LONGEST_CALL) return undefined;
      if (this.#data.length < 4 + length) {
        this.#fragments--;
        return records;
      }
      this.#record = Buffer.concat([this.#record, this.#data.subarray(4, 4 + length)]);
      this.#data = this.#data.subarray(4 + length);
      if (mark < LAST) continue;
      records.push(this.#record);
      this.#record = Buffer.alloc(0);
      this.#fragments = 0;
    }
  }
}

/** A message as one fragment. */
export function marked(message: Buffer): Buffer {
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(LAST + message.length);
  return Buffer.concat([mark, message]);
}
