/**
 * The port mapper's protocol, version 2 (RFC 1833 section 3): where callers that know only a program's number find its port.
 */
import { createSocket } from "node:dgram";
import type { Clock } from "@mailhost/common/clock";
import { callOf, readResult } from "./rpc-message.ts";

const PROGRAM = 100_000;
const VERSION = 2;
const SET = 1;
const UNSET = 2;
const PROTOCOLS = { tcp: 6, udp: 17 } as const;
/** How long it may take to answer, ms. */
const PATIENCE = 2000;

/** A program's port. */
export interface Mapping {
  readonly program: number;
  readonly version: number;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

/** Where the port mapper is. */
export interface Portmapper {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
}

/** Registers a port in place of what was registered for the program; false when nobody answers, or it does not want to. */
export async function register(mapper: Portmapper, mapping: Mapping): Promise<boolean> {
  return (await ask(mapper, SET, mapping)) === 1;
}

/** Takes the registrations of a version back, of both protocols. */
export async function unregister(
  mapper: Portmapper,
  mapping: Pick<Mapping, "program" | "version">,
): Promise<boolean> {
  return (await ask(mapper, UNSET, { ...mapping, protocol: "udp", port: 0 })) === 1;
}

/** The boolean that a procedure returns; undefined when there is no answer. */
function ask(
  { host, port, clock }: Portmapper,
  procedure: number,
  mapping: Mapping,
): Promise<number | undefined> {
  const xid = Math.floor(Math.random() * 2 ** 32);
  const call = callOf({ xid, program: PROGRAM, version: VERSION, procedure }, [
    mapping.program,
    mapping.version,
    PROTOCOLS[mapping.protocol],
    mapping.port,
  ]);
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const settle = (answer: number | undefined) => {
      timer.cancel();
      socket.removeAllListeners();
      // An error that comes late concerns nobody.
      socket.on("error", () => undefined);
      socket.close();
      resolve(answer);
    };
    const timer = clock.after(PATIENCE, () => settle(undefined));
    socket.on("error", () => settle(undefined));
    socket.on("message", (data) => {
      const result = readResult(data, xid);
      if (result !== undefined && result.length >= 4) settle(result.readUInt32BE(0));
    });
    // Connected, so that a host without a port mapper says so at once, and nobody else answers.
    socket.connect(port, host, (error?: Error) => {
      // No route to it, not even to ourselves: nobody can be asked, and sending would throw.
      if (error === undefined) socket.send(call);
      else settle(undefined);
    });
  });
}
