/**
 * The DRAC table: client addresses that may relay for a while because their user has just fetched mail.
 */

/** One address and until when it may relay. */
export interface DracEntry {
  /** In the spelling of normalizeIp. */
  readonly ip: string;
  readonly user: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly expiresAt: number;
}

/** The table, shared by both daemons and the commands. */
export interface DracTable {
  /** Lets an address relay from now on for the lifetime; renews it when it is there. Resolves when on disk. */
  record(ip: string, user: string): Promise<void>;
  /** The entry of an address while it lasts. Sees what other processes have written. */
  permits(ip: string): DracEntry | undefined;
  /** Every entry that has not expired, soonest to expire first. */
  list(): DracEntry[];
  /** Takes an address out; false when it was not in. */
  remove(ip: string): Promise<boolean>;
  close(): Promise<void>;
}
