/**
 * The DNS of the comparison's small world. Names that are not here do not exist.
 */
import type { ZoneEntry } from "../harness/dns-server.ts";
import { CLIENTS } from "./cases.ts";

/** The world's mail servers: each takes what comes for one of the domains, or for what a table sends there. */
export const SINKS = { example: "203.0.113.10", hub: "203.0.113.20", refuses: "203.0.113.30" } as const;

/** The zone, by name. */
export const ZONE: Readonly<Record<string, ZoneEntry>> = {
  "mail.linuxaid.com.cn": { a: ["192.0.2.1"] },
  "linuxaid.com.cn": { mx: [[10, "mail.linuxaid.com.cn"]] },
  "virtual.example": { mx: [[10, "mail.linuxaid.com.cn"]] },
  "example.com": { a: [SINKS.example], mx: [[10, "mx.example.com"]] },
  "mx.example.com": { a: [SINKS.example] },
  "example.net": { a: [SINKS.example], mx: [[10, "mx.example.com"]] },
  "sub.example.net": { a: [SINKS.example], mx: [[10, "mx.example.com"]] },
  "deep.sub.example.net": { a: [SINKS.example] },
  "example.org": { a: [SINKS.example] },
  "other.example.org": { a: [SINKS.example] },
  "bad.example.org": { a: [SINKS.example] },
  "relay.example.org": { a: [SINKS.example] },
  "spam.example": { a: [SINKS.example] },
  "sub.spam.example": { a: [SINKS.example] },
  "hub.example.net": { a: [SINKS.hub] },
  "refuses.example": { a: [SINKS.refuses] },
  "nullmx.example": { mx: [[0, "."]] },
  "lame.example": "SERVFAIL",
  "client.example.com": { a: [CLIENTS.named] },
  [CLIENTS.named]: { ptr: ["client.example.com"] },
  "forged.example.com": { a: ["203.0.113.99"] },
  [CLIENTS.forged]: { ptr: ["forged.example.com"] },
  [CLIENTS.unsure]: "SERVFAIL",
  "lan.example.net": { a: [CLIENTS.lan] },
  [CLIENTS.lan]: { ptr: ["lan.example.net"] },
  "pc.linuxaid.com.cn": { a: [CLIENTS.ours] },
  [CLIENTS.ours]: { ptr: ["pc.linuxaid.com.cn"] },
  // Of the generated tables.
  "a.test": { a: [SINKS.example] },
  "b.a.test": { a: [SINKS.example] },
  "c.b.a.test": { a: [SINKS.example] },
  "z.test": { a: [SINKS.example] },
  "pc1.a.test": { a: ["198.51.100.61"] },
  "198.51.100.61": { ptr: ["pc1.a.test"] },
  localhost: { a: ["127.0.0.1"] },
  [CLIENTS.loopback]: { ptr: ["localhost"] },
};
