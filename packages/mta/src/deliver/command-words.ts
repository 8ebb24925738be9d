/**
 * A mailer's command as settings write it: words with Sendmail's macros in them, `/usr/bin/procmail -t -a $h -d $u`.
 */

/** What the macros stand for. */
export type CommandMacros = Readonly<Record<string, string>>;

/**
 * The words with their macros filled in; a word stays one word whatever a macro holds, and one that becomes empty stays.
 * Blanks within quotes do not end a word.
 */
export function commandWords(command: string, macros: CommandMacros): string[] {
  const words = command.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  return words.map((word) =>
    word.replace(/["']/g, "").replace(/\$([a-z])/g, (_, name: string) => macros[name] ?? ""),
  );
}
