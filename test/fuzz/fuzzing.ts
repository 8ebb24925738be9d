/**
 * Runs a target on inputs that are made of a corpus by small changes, for a time, and stops at the first that fails.
 *
 * An input whose outcome is of a kind that was not met before is used for further ones. What fails is made smaller and put
 * into the corpus, where every later run begins with it.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mutated, type Random, randomOf } from "./random.ts";

/** Something to be fuzzed. */
export interface Target {
  readonly name: string;
  /** What the format is made of. */
  readonly words: readonly string[];
  /** Bytes of the longest input. */
  readonly longest: number;
  /**
   * Tries an input.
   *
   * @returns what kind of outcome it had, in a few words
   * @throws when something is wrong
   */
  run(input: Buffer, random: Random): Promise<string>;
  close(): Promise<void>;
}

/** How a run went. */
export interface FuzzOutcome {
  readonly runs: number;
  /** Kinds of outcomes met. */
  readonly kinds: number;
  readonly failure?: { readonly input: Buffer; readonly error: unknown; readonly file?: string };
}

const CORPUS = fileURLToPath(new URL("corpus", import.meta.url));
/** Inputs that are kept in memory for their kind. */
const MOST_KEPT = 2000;
/** Tries to make a failing input smaller. */
const SHRINKS = 300;

/** The inputs of a target that are kept. */
export function corpusOf(name: string): Buffer[] {
  const folder = join(CORPUS, name);
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

/**
 * Fuzzes.
 *
 * @param duration ms; the corpus itself is tried in any case
 * @param keep put what fails into the corpus
 */
export async function fuzz(
  target: Target,
  { duration, seed, keep }: { duration: number; seed: number; keep: boolean },
): Promise<FuzzOutcome> {
  const random = randomOf(seed);
  const corpus = corpusOf(target.name);
  const words = target.words.map((word) => Buffer.from(word, "latin1"));
  const kinds = new Set<string>();
  const end = Date.now() + duration;
  let runs = 0;
  const given = [...corpus];
  while (given.length > 0 || Date.now() < end) {
    const input = given.shift() ?? mutated(random, corpus, words, target.longest);
    runs++;
    try {
      const kind = await target.run(input, random);
      if (!kinds.has(kind)) {
        kinds.add(kind);
        if (corpus.length < MOST_KEPT) corpus.push(input);
      }
    } catch (error) {
      const small = await shrunk(target, input, seed);
      const digest = createHash("sha256").update(small).digest("hex").slice(0, 12);
      const file = join(CORPUS, target.name, `failed-${digest}`);
      if (keep) writeFileSync(file, small);
      return { runs, kinds: kinds.size, failure: { input: small, error, ...(keep && { file }) } };
    }
  }
  return { runs, kinds: kinds.size };
}

/** A smaller input that fails too, if there is one to be found cheaply. */
async function shrunk(target: Target, input: Buffer, seed: number): Promise<Buffer> {
  let smallest = input;
  let tries = 0;
  for (let size = input.length >> 1; size > 0 && tries < SHRINKS; size >>= 1) {
    for (let at = 0; at < smallest.length && tries < SHRINKS; ) {
      tries++;
      const without = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      const fails = await target.run(without, randomOf(seed)).then(
        () => false,
        () => true,
      );
      if (fails) smallest = without;
      else at += size;
    }
  }
  return smallest;
}
