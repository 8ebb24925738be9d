/**
 * XTND: the extensions of Berkeley's popper, which Qpopper kept. Which one it is stands behind it.
 */
import { err } from "../protocol/reply.ts";
import type { Transaction } from "../session-state.ts";
import { xlst } from "./headers.ts";
import type { Turn } from "./turn.ts";
import { xmit } from "./xmit.ts";

/** XTND XLST field [n], XTND XMIT. */
export async function xtnd(turn: Turn, state: Transaction): Promise<Transaction> {
  const { output, texts, words } = turn;
  const [name = "", ...rest] = words;
  switch (name.toUpperCase()) {
    case "XLST":
      if (rest.length > 0) return await xlst(turn, state);
      await output.line(err(texts.tooFewArguments("xtnd xlst")));
      return state;
    case "XMIT":
      if (rest.length === 0) return await xmit(turn, state);
      await output.line(err(texts.tooManyArguments("xtnd xmit")));
      return state;
    default:
      await output.line(err(texts.unknownCommand(`xtnd ${name.toLowerCase()}`)));
      return state;
  }
}
