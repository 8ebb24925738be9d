/**
 * Says no to a connection that has no session yet, at hardly any cost: one line, and the end. What the client has said meanwhile
 * is read and dropped, for the kernel would else take the line back with a reset.
 */
import type { Socket } from "node:net";
import type { Clock } from "@mailhost/common/clock";

/** How long a client that was turned away has to hang up (ms). */
const LINGER = 2_000;
/** Connections that may take that time at once; beyond, the one that came first is cut. */
const MOST = 200;

/** Turns connections away. */
export class TurnedAway {
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sends a line, without its end, and hangs up. */
  turnAway(socket: Socket, line: string): void {
    const timer = this.#clock.after(LINGER, () => socket.destroy());
    this.#sockets.add(socket);
    socket.on("close", () => {
      timer.cancel();
      this.#sockets.delete(socket);
    });
    // It may be gone already; nothing is to be said of that.
    socket.on("error", () => undefined);
    socket.resume();
    socket.end(`${line}\r\n`);
    if (this.#sockets.size > MOST) [...this.#sockets][0]!.destroy();
  }

  /** Cuts all that are left. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
