/**
 * The people who have a mailbox here.
 */

/** One account. */
export interface Account {
  /** In lower case. */
  readonly name: string;
  /** `file`: etc/mail/users. `system`: the system's own accounts. */
  readonly source: "file" | "system";
  readonly uid?: number;
  readonly gid?: number;
  readonly home?: string;
}

/** All accounts of a site, always current. */
export interface Accounts {
  /** The account of a name; its case does not matter. */
  find(name: string): Account | undefined;
  /** The account when the password is right. Unknown names take as long as known ones. */
  verify(name: string, password: string): Promise<Account | undefined>;
  /** Every name, each once. */
  names(): string[];
}
