/**
 * FEATURE(dnsbl): one item of `policy.dnsbl` is a zone, then perhaps a blank and what a listed client is told: a text, or
 * `quarantine` or `discard`. `zone;t` refuses for the time being when the zone does not answer; else such clients pass.
 */
import { isIPv4 } from "node:net";
import { normalizeIp } from "@mailhost/common/ip-address";

/** A block list. */
export interface Dnsbl {
  readonly zone: string;
  readonly action: "refuse" | "quarantine" | "discard";
  /** Empty: Sendmail's own words. */
  readonly message: string;
  readonly refuseUnanswered: boolean;
  /** The name whose A record tells that an address is listed; undefined for IPv6, which Sendmail does not ask for. */
  nameOf(ip: string): string | undefined;
  /** The message, with `$&{client_addr}` and `$&{client_name}` filled in. */
  messageFor(ip: string, name: string): string;
}

/** Reads an item of the setting. */
export function readDnsbl(item: string): Dnsbl {
  const [, zone = "", flag, rest = ""] = /^\s*([^\s;]+)(;t)?\s*(.*?)\s*$/s.exec(item) ?? [];
  const action = rest === "quarantine" || rest === "discard" ? rest : "refuse";
  const message = action === "refuse" ? rest : "";
  return {
    zone,
    action,
    message,
    refuseUnanswered: flag !== undefined,
    nameOf(ip) {
      const normal = normalizeIp(ip);
      if (normal === undefined || !isIPv4(normal)) return undefined;
      return `${normal.split(".").toReversed().join(".")}.${zone}`;
    },
    messageFor: (ip, name) =>
      message
        .replaceAll('"', "")
        .replaceAll(/\$&?\{client_addr\}/g, ip)
        .replaceAll(/\$&?\{client_name\}/g, name)
        .replaceAll(/\s+/g, " "),
  };
}
