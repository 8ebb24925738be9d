/**
 * The verbs: which there are, in which state each is legal, how many arguments it takes, what it does. CAPA is derived
 * from the same table, so nothing is announced that is not there (RFC 2449).
 */

import { clearTextRefusal } from "../auth/clear-text.ts";
import type { Authorization, SessionState, Transaction } from "../session-state.ts";
import { auth, saslMechanisms } from "./auth.ts";
import { capa } from "./capa.ts";
import { euidl } from "./headers.ts";
import { lang, utf8 } from "./language.ts";
import { last, list, stat, uidl } from "./listing.ts";
import { apop, pass, user } from "./login.ts";
import { dele, noop, rset } from "./marks.ts";
import { quit } from "./quit.ts";
import { retr, top } from "./retrieve.ts";
import { stls } from "./stls.ts";
import type { Turn } from "./turn.ts";
import { xtnd } from "./xtnd.ts";

interface Common {
  /** Fewest and most words behind the verb; `all`: whatever follows is one argument, spaces kept. */
  readonly words: readonly [fewest: number, most: number] | "all";
  /** Lines that CAPA says for it, when it is of use to this client now. */
  capabilities?(turn: Turn, loggedIn: boolean): readonly string[];
}

/** A verb of one state, or of both. The handler answers and says what the state is then. */
export type Verb =
  | (Common & {
      readonly state: "authorization";
      run(turn: Turn, state: Authorization): Promise<SessionState>;
    })
  | (Common & {
      readonly state: "transaction";
      run(turn: Turn, state: Transaction): SessionState | Promise<SessionState>;
    })
  | (Common & {
      readonly state: "any";
      run(turn: Turn, state: Authorization | Transaction): Promise<SessionState>;
    });

/** Every verb, by its name in upper case. CAPA lists them in this order, which begins as Qpopper's does. */
export const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["TOP", { state: "transaction", words: [2, 3], run: top, capabilities: () => ["TOP"] }],
  [
    "USER",
    {
      state: "authorization",
      words: [1, 1],
      run: user,
      capabilities: (turn) => (clearTextRefusal(turn) === undefined ? ["USER"] : []),
    },
  ],
  ["PASS", { state: "authorization", words: "all", run: pass }],
  ["CAPA", { state: "any", words: [0, 0], run: (turn, state) => capa(turn, state, VERBS.values()) }],
  ["STAT", { state: "transaction", words: [0, 0], run: stat }],
  ["LIST", { state: "transaction", words: [0, 1], run: list }],
  ["UIDL", { state: "transaction", words: [0, 1], run: uidl, capabilities: () => ["UIDL"] }],
  ["EUIDL", { state: "transaction", words: [0, 1], run: euidl }],
  ["LAST", { state: "transaction", words: [0, 0], run: last }],
  ["RETR", { state: "transaction", words: [1, 2], run: retr }],
  ["DELE", { state: "transaction", words: [1, 1], run: dele }],
  ["RSET", { state: "transaction", words: [0, 0], run: rset }],
  ["NOOP", { state: "transaction", words: [0, 0], run: noop }],
  ["XTND", { state: "transaction", words: [1, 3], run: xtnd }],
  ["APOP", { state: "authorization", words: [2, 2], run: apop }],
  ["AUTH", { state: "authorization", words: [0, 2], run: auth, capabilities: saslCapability }],
  [
    "STLS",
    {
      state: "authorization",
      words: [0, 0],
      run: stls,
      // Announced before the login only (RFC 2595 section 8).
      capabilities: (turn, loggedIn) => (turn.canStartTls() && !loggedIn ? ["STLS"] : []),
    },
  ],
  // The USER argument: names and passwords may be in UTF-8 (RFC 6856 section 2.2).
  ["UTF8", { state: "any", words: [0, 0], run: utf8, capabilities: () => ["UTF8 USER"] }],
  ["LANG", { state: "any", words: [0, 1], run: lang, capabilities: () => ["LANG"] }],
  ["QUIT", { state: "any", words: [0, 0], run: quit }],
]);

/** The mechanisms that this client could use now (RFC 2449 section 6.3). */
function saslCapability(turn: Turn): string[] {
  const names = saslMechanisms(turn);
  return names.length === 0 ? [] : [`SASL ${names.join(" ")}`];
}
