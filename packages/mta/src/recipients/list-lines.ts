/**
 * The text of a `.forward` or an `:include:` file: a list a line, as on the right of an alias.
 *
 * A line that begins with `#` is a comment, and so is what follows ` #@# `. There are no continuation lines: each is whole.
 */
import { type AliasTarget, type BadItem, readTargetList } from "@mailhost/common/tables/alias-targets";

/** The items of all lines in their order. */
export function readListLines(text: string): (AliasTarget | BadItem)[] {
  return text.split("\n").flatMap((line) => {
    if (line.startsWith("#")) return [];
    const bare = line.replace(/\r$/, "").replace(/\s#@#(?:\s.*)?$/, "");
    return bare.trim() === "" ? [] : readTargetList(bare);
  });
}
