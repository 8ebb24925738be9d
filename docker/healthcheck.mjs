/**
 * The container's health: the launcher answers on its control socket, and both daemons are ready.
 *
 * Plain JavaScript with nothing to load, as it runs every few seconds.
 */
import { connect } from "node:net";

const socket = connect("/run/mailhost.sock");
let text = "";

function end(code, why) {
  process.stdout.write(`${why}\n`);
  process.exit(code);
}

socket.setTimeout(4000, () => end(1, "no answer"));
socket.on("error", (error) => end(1, error.message));
socket.on("close", () => end(1, "closed without an answer"));
socket.on("data", (piece) => {
  text += piece;
  if (!text.includes("\n")) return;
  const { ok, daemons = [], listening } = JSON.parse(text);
  const waiting = daemons
    .filter((daemon) => daemon.state !== "ready")
    .map((daemon) => `${daemon.name} ${daemon.state}`);
  end(ok && waiting.length === 0 ? 0 : 1, waiting.length === 0 ? String(listening) : waiting.join(", "));
});
socket.write('{"command":"status"}\n');
