/**
 * The page of results: what is between its two marks is written anew, the rest of it is written by people.
 */
import { readFileSync, writeFileSync } from "node:fs";

/** The comments around the figures of one section. */
function marks(section: string): { begin: string; end: string } {
  return { begin: `<!-- ${section}: begin -->`, end: `<!-- ${section}: end -->` };
}

/** Puts a section's text between its marks; what was there goes. */
export function withSection(page: string, section: string, text: string): string {
  const { begin, end } = marks(section);
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  const between = `${begin}\n\n${text.trim()}\n\n${end}`;
  if (from < 0 || to < from) return `${page.trimEnd()}\n\n${between}\n`;
  return page.slice(0, from) + between + page.slice(to + end.length);
}

/** The same in a file. */
export function writeSection(file: URL, section: string, text: string): void {
  writeFileSync(file, withSection(readFileSync(file, "utf8"), section, text));
}
