/**
 * LANG and UTF8 (RFC 6856): the language of replies, and whether headers may come in UTF-8.
 */
import { err, ok } from "../protocol/reply.ts";
import type { Authorization, Transaction } from "../session-state.ts";
import { ASCII_ENGLISH, FIRST_LANGUAGE, LANGUAGES, languageFor } from "../texts/languages.ts";
import type { Turn } from "./turn.ts";

/** LANG [range]: lists the languages, or changes to one of them. The reply to a change is in the new language already. */
export async function lang<State extends Authorization | Transaction>(
  turn: Turn,
  state: State,
): Promise<State> {
  const { output, modes, words } = turn;
  const [range] = words;
  if (range === undefined) {
    await output.line(ok(turn.texts.languageListing));
    for (const { tag, name } of LANGUAGES) await output.line(`${tag} ${name}`);
    await output.line(".");
    return state;
  }
  const language = languageFor(range);
  if (language === undefined) {
    // Section 3.2: after a failure the language is the one before, and its tag comes first.
    await output.line(err(`${modes.language.tag} ${turn.texts.unknownLanguage(range)}`));
    return state;
  }
  modes.language = language;
  await output.line(ok(`${language.tag} ${language.texts.languageChosen}`));
  return state;
}

/** UTF8: the client understands headers in UTF-8. More lenient than section 2, it may say so after its login, too. */
export async function utf8<State extends Authorization | Transaction>(
  turn: Turn,
  state: State,
): Promise<State> {
  const { output, modes } = turn;
  modes.utf8 = true;
  if (modes.language === ASCII_ENGLISH) modes.language = FIRST_LANGUAGE;
  await output.line(ok(turn.texts.utf8Mode));
  return state;
}
