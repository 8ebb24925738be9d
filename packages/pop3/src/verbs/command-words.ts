/**
 * The words behind a verb: one text or many, and how many there may be.
 */
import type { Verb } from "./table.ts";

/** The words behind a verb. */
export function wordsOf(verb: Verb, argument: string): readonly string[] {
  if (verb.words === "all") return [argument];
  return argument.split(/[ \t]+/).filter((word) => word !== "");
}

/** Whether these are fewer or more than the verb takes. */
export function wordsFault({ words: allowed }: Verb, words: readonly string[]): "few" | "many" | undefined {
  if (allowed === "all") return undefined;
  const [fewest, most] = allowed;
  return words.length < fewest ? "few" : words.length > most ? "many" : undefined;
}
