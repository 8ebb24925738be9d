/**
 * What {@link verifyMailbox} found, as lines for somebody who reads them.
 */
import type { VerifyReport } from "./verify.ts";

/** The report as lines; the first says what matters. */
export function verifyLines(report: VerifyReport): string[] {
  const { mailbox, file, exists, size, messages, octets, findings, sound } = report;
  const state = sound ? "sound" : "damaged";
  const first = exists
    ? `${mailbox}: ${state}: ${messages} messages, ${octets} octets, in ${size} bytes of ${file}`
    : `${mailbox}: there is no mailbox ${file} yet`;
  return [
    first,
    ...findings.flatMap(({ level, text, advice }) => [
      `  ${level}: ${text}`,
      ...(advice === "" ? [] : [`    -> ${advice}`]),
    ]),
  ];
}
