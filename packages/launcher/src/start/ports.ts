/**
 * The ports: bound here, once, while we may still be root; the daemons inherit the descriptors.
 *
 * The launcher never accepts and keeps every descriptor open. When a daemon dies, its listening sockets stay with the
 * kernel, clients wait in their queues, and the next daemon takes them up.
 */
import { isIPv6 } from "node:net";
import { addressesOf, type BoundPort, bindPort, LISTENER_KEYS } from "@mailhost/common/daemon/bound-port";
import { LISTENER_KINDS, type ListenerKind } from "@mailhost/common/daemon/launcher-messages";
import type { ListenAddress, Settings } from "@mailhost/common/settings/settings";
import { formatListenAddress } from "@mailhost/common/settings/units";

/** The kinds that are bound only when there is a certificate. */
export const NEED_TLS: ReadonlySet<ListenerKind> = new Set(["smtps", "pop3s"]);

/** The addresses that the settings name for a kind. */
export function listenersOf(settings: Settings, kind: ListenerKind): readonly ListenAddress[] {
  const { smtp, pop3, drac } = settings;
  const calls = drac.enabled ? drac.rpcListen : [];
  const byKind: Record<ListenerKind, readonly ListenAddress[]> = {
    smtp: smtp.listen,
    submission: smtp.submission,
    smtps: smtp.smtps,
    pop3: pop3.listen,
    pop3s: pop3.pop3s,
    drac: calls,
    dracudp: calls.filter(({ host }) => !isIPv6(host)),
    dracudp6: calls.filter(({ host }) => isIPv6(host)),
  };
  return byKind[kind];
}

/**
 * Binds every listener of the settings, or none.
 *
 * @param withTls whether there is a certificate for the kinds that need one
 * @throws UserError saying which address, why, and what can be done about it
 */
export async function bindPorts(settings: Settings, withTls: boolean): Promise<BoundPort[]> {
  const bound: BoundPort[] = [];
  try {
    for (const kind of LISTENER_KINDS) {
      if (NEED_TLS.has(kind) && !withTls) continue;
      for (const wanted of listenersOf(settings, kind)) {
        for (const address of await addressesOf(wanted, LISTENER_KEYS[kind]))
          bound.push(bindPort(kind === "dracudp" && isIPv6(address.host) ? "dracudp6" : kind, address));
      }
    }
  } catch (error) {
    for (const port of bound) port.close();
    throw error;
  }
  return bound;
}

/** `mailhost ready smtp=127.0.0.1:2525 pop3=127.0.0.1:2110`: DESIGN section 4. */
export function readyLine(ports: readonly BoundPort[]): string {
  const parts = LISTENER_KINDS.flatMap((kind) => {
    const own = ports.filter((p) => p.kind === kind).map((p) => formatListenAddress(p.address));
    return own.length === 0 ? [] : [`${kind}=${own.join(",")}`];
  });
  return ["mailhost ready", ...parts].join(" ");
}
