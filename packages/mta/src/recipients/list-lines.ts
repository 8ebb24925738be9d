/**
 * The text of a `.forward` or an `:include:` file: a list a line, as on the right of an alias.
 *
 * A line that begins with `#` is a comment, and so is what follows ` #@# `. There are no continuation lines: each is whole.
 */
import { type AliasTarget, type BadItem, readTargetList } from "@mailhost/common/tables/alias-targets";

/** The items of each line that has some. */
export function readListLines(text: string): (AliasTarget | BadItem)[][] {
  return text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/\r$/, "").replace(/\s#@#(?:\s.*)?$/, ""))
    .filter((line) => line.trim() !== "")
    .map(readTargetList)
    .filter((items) => items.length > 0);
}
