/**
 * The alias table: what a local name stands for.
 *
 * A name stands for a list of targets. Following the targets further, and stopping when a name comes back, is the
 * business of whoever resolves a recipient; this table answers one step.
 */
import type { AliasTarget } from "./alias-targets.ts";
import { parseTargets } from "./alias-targets.ts";

export type { AliasTarget } from "./alias-targets.ts";

/** A read-only view of the aliases. */
export interface AliasTable {
  /** The file that rules, for messages: `…/etc/mail/aliases` or `…/etc/mail/aliases.db`. */
  readonly file: string;
  /** What a name stands for, or undefined when it is no alias. The case of the name does not matter. */
  get(name: string): readonly AliasTarget[] | undefined;
  /** Every alias, names in lower case, in no promised order. */
  entries(): Iterable<readonly [name: string, targets: readonly AliasTarget[]]>;
}

/** The stored form of a table whose values are right-hand sides as written. */
export interface StoredAliases {
  readonly file: string;
  get(key: string): string | undefined;
  entries(): Iterable<readonly [key: string, value: string]>;
}

/**
 * Reads the right-hand sides of a stored table as targets. They were checked when the table was made; one that is
 * wrong all the same (a table from elsewhere) counts as no alias.
 */
export function aliasTable(stored: StoredAliases): AliasTable {
  return {
    get file() {
      return stored.file;
    },
    get(name) {
      const value = stored.get(name.toLowerCase());
      return value === undefined ? undefined : targetsOf(value);
    },
    *entries() {
      for (const [name, value] of stored.entries()) {
        const targets = targetsOf(value);
        if (targets !== undefined) yield [name, targets];
      }
    },
  };
}

function targetsOf(value: string): readonly AliasTarget[] | undefined {
  const read = parseTargets(value);
  return read.ok ? read.targets : undefined;
}
