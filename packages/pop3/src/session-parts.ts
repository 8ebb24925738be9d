/**
 * What a session is made of.
 */
import type { Duplex } from "node:stream";
import type { StayAwake } from "@mailhost/common/daemon/stay-awake";
import type { ServedCertificates } from "@mailhost/common/tls/served-certificates";
import type { Client } from "./connection/client.ts";
import type { ReadAheadMemory } from "./maildrop/read-ahead.ts";
import type { Services } from "./services.ts";

/** What a session needs of the certificates. */
export type Certificates = Pick<ServedCertificates, "any" | "contextFor">;

/** What a session is made of. */
export interface SessionParts {
  /** The connection: a socket, or any other stream with both directions. Half-open ones must be allowed. */
  readonly stream: Duplex;
  readonly services: Services;
  readonly client: Client;
  /** The memory that all sessions of the process share for messages read ahead. */
  readonly memory?: ReadAheadMemory;
  /** The certificates for STLS. */
  readonly certificates?: Certificates;
  /** Told of replies and commands, so that the only client need not wait for the loop to wake up. */
  readonly awake?: Pick<StayAwake, "answered" | "came">;
}
