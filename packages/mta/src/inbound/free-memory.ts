/**
 * Gives memory back to the system at once, in place of leaving it to the garbage collector.
 *
 * A piece of a large message, as it is read from a socket, is memory outside the engine's heap, done with as soon as it has been copied
 * on. The engine takes it for growth of its heap until it has looked for garbage, and so looks through the whole heap time and
 * again: a fifth of the processor time of a message of 5 MiB.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";

/** Less is left to the garbage collector: giving it back costs more. */
const WORTH_IT = 16 * 1024;

/** What newer engines have (ECMAScript 2024, section 25.1.6.8). */
interface Transferable {
  transfer?(length: number): ArrayBuffer;
}

let nowhere: MessagePort | undefined;

/**
 * Frees the memory of a piece that has all of it to itself; any other piece stays as it is. Whatever else refers to the memory has no
 * octets from then on, so nobody may want it any more.
 */
export function freeMemory({ buffer, length }: Buffer): void {
  if (length < WORTH_IT || length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  const memory = buffer as ArrayBuffer & Transferable;
  if (memory.transfer !== undefined) memory.transfer(0);
  // What is sent to where nobody listens is gone with the message.
  else (nowhere ??= closedPort()).postMessage(undefined, [buffer]);
}

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.unref();
  return port1;
}
