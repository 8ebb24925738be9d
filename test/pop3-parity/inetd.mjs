/**
 * What inetd does for popa3d: a program for each connection, with the connection as its standard input and output.
 *
 *     node inetd.mjs PORT PROGRAM
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";

const [, , port, program] = process.argv;

// popa3d writes an answer in pieces; without this each waits for the client's acknowledgement of the one before.
createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
  const child = spawn(program, [], { stdio: [socket, socket, "ignore"] });
  child.once("spawn", () => socket.destroy());
  child.once("error", () => socket.destroy());
}).listen(Number(port), "127.0.0.1");
