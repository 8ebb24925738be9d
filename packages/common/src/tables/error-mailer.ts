/**
 * Refusals in a table's value, `error:…` in virtusertable and mailertable: what the client is told.
 *
 * Sendmail's error mailer: `error:5.7.0:550 text`, `error:nouser 550 text` and `error:text`. The code comes from the
 * text, and so does an enhanced code that follows it; else the enhanced code before the text counts. A text without a
 * code gives 553 5.3.0, whatever stands before it. Where Sendmail's tokens spoil what was meant (`error:5.7.1 550
 * text`, `error:550 5.1.1 text`, a first word that is no keyword) the meaning is taken.
 */
import type { SmtpReply } from "../errors.ts";

/** The words that may stand before the text (names of sysexits.h, or its numbers); they choose no reply of their own. */
const KEYWORD =
  /^(?:usage|data|nouser|nohost|unavailable|software|tempfail|protocol|config|perm|[67]\d)(?:\s*:|\s+|$)/i;
const STATUS = /^([245]\.\d{1,3}\.\d{1,3})(?:\s*:|\s+|$)/;
const TEXT_CODE = /^([45]\d\d)(?:[ -]+|$)(?:([45]\.\d{1,3}\.\d{1,3})(?:\s+|$))?/;

/**
 * The reply of an `error:` value, or undefined for any other value. The text is what follows `<address>... `.
 */
export function readErrorMailer(value: string): SmtpReply | undefined {
  const given = /^error\s*:(.*)$/is.exec(value.trim());
  if (given === null) return undefined;
  const bare = given[1]!.replace(/"/g, "").trim();
  const status = STATUS.exec(bare);
  const text = bare.slice((status ?? KEYWORD.exec(bare))?.[0].length ?? 0).trim();
  const code = TEXT_CODE.exec(text);
  if (code === null) return { code: 553, enhanced: "5.3.0", text: oneLine(text) };
  return {
    code: Number(code[1]),
    enhanced: code[2] ?? status?.[1] ?? `${code[1]![0]}.0.0`,
    text: oneLine(text.slice(code[0].length)),
  };
}

/** A value without a text refuses all the same. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim() || "User unknown";
}
