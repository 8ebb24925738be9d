/**
 * The DRAC service of the mta: answers calls while it runs, and is known to the port mapper where there is one.
 */
import type { Clock } from "@mailhost/common/clock";
import { DRAC_PROGRAM, DRAC_VERSIONS, type DracProgramParts } from "./drac-program.ts";
import { type DracDescriptors, startDracRpc } from "./drac-rpc-server.ts";
import { type Portmapper, register, unregister } from "./portmapper.ts";

/** What the service works with. */
export interface DracRpcParts extends DracProgramParts {
  readonly clock: Clock;
  /** Absent: that of this host. */
  readonly portmapper?: Portmapper;
}

/** The running service. */
export interface DracRpc {
  /** Resolves when the port mapper has answered, or has not. */
  readonly registered: Promise<void>;
  stop(): Promise<void>;
}

/** Starts the service; undefined when it has no ports. */
export async function startDrac(
  listeners: Readonly<Record<string, readonly number[]>>,
  parts: DracRpcParts,
): Promise<DracRpc | undefined> {
  const { drac: tcp = [], dracudp: udp = [], dracudp6: udp6 = [] } = listeners;
  if (tcp.length + udp.length + udp6.length === 0) return undefined;
  const descriptors: DracDescriptors = { tcp, udp, udp6 };
  const server = await startDracRpc(descriptors, parts);
  const mapper = parts.portmapper ?? { host: "127.0.0.1", port: 111, clock: parts.clock };
  // The first of each protocol: the mapper has room for one.
  const mappings = (["udp", "tcp"] as const).flatMap((protocol) =>
    server.mappings.filter((one) => one.protocol === protocol).slice(0, 1),
  );
  const registered = (async () => {
    let known = 0;
    for (const version of DRAC_VERSIONS) {
      // What an earlier process left.
      await unregister(mapper, { program: DRAC_PROGRAM, version });
      for (const mapping of mappings) {
        if (await register(mapper, { program: DRAC_PROGRAM, version, ...mapping })) known++;
      }
    }
    parts.log.write(
      "info",
      known > 0
        ? `[drac]: program ${DRAC_PROGRAM} is registered with rpcbind`
        : "[drac]: no rpcbind answers: callers must know the port (drac.rpcListen)",
    );
  })();
  return {
    registered,
    async stop() {
      await registered;
      for (const version of DRAC_VERSIONS) await unregister(mapper, { program: DRAC_PROGRAM, version });
      await server.stop();
    },
  };
}
