/**
 * The verbs: which there are, in which state each is legal, how many arguments it takes, what it does. CAPA is derived
 * from the same table, so nothing is announced that is not there (RFC 2449).
 */
import type { Authorization, SessionState, Transaction } from "../session-state.ts";
import { capa } from "./capa.ts";
import { last, list, stat, uidl } from "./listing.ts";
import { pass, user } from "./login.ts";
import { dele, noop, rset } from "./marks.ts";
import { quit } from "./quit.ts";
import { retr, top } from "./retrieve.ts";
import type { Turn } from "./turn.ts";

interface Common {
  /** Fewest and most words behind the verb; `all`: whatever follows is one argument, spaces kept. */
  readonly words: readonly [fewest: number, most: number] | "all";
  /** Lines that CAPA says for it, when it is of use to this client now. */
  capabilities?(turn: Turn): readonly string[];
}

/** A verb of one state, or of both. The handler answers and says what the state is then. */
export type Verb =
  | (Common & {
      readonly state: "authorization";
      run(turn: Turn, state: Authorization): Promise<SessionState>;
    })
  | (Common & { readonly state: "transaction"; run(turn: Turn, state: Transaction): Promise<SessionState> })
  | (Common & {
      readonly state: "any";
      run(turn: Turn, state: Authorization | Transaction): Promise<SessionState>;
    });

/** Every verb, by its name in upper case. */
export const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  [
    "USER",
    {
      state: "authorization",
      words: [1, 1],
      run: user,
      capabilities: (turn) => (turn.mayUsePassword() ? ["USER"] : []),
    },
  ],
  ["PASS", { state: "authorization", words: "all", run: pass }],
  ["CAPA", { state: "any", words: [0, 0], run: (turn, state) => capa(turn, state, VERBS.values()) }],
  ["STAT", { state: "transaction", words: [0, 0], run: stat }],
  ["LIST", { state: "transaction", words: [0, 1], run: list }],
  ["UIDL", { state: "transaction", words: [0, 1], run: uidl, capabilities: () => ["UIDL"] }],
  ["LAST", { state: "transaction", words: [0, 0], run: last }],
  ["RETR", { state: "transaction", words: [1, 1], run: retr }],
  ["TOP", { state: "transaction", words: [2, 2], run: top, capabilities: () => ["TOP"] }],
  ["DELE", { state: "transaction", words: [1, 1], run: dele }],
  ["RSET", { state: "transaction", words: [0, 0], run: rset }],
  ["NOOP", { state: "transaction", words: [0, 0], run: noop }],
  ["QUIT", { state: "any", words: [0, 0], run: quit }],
]);
