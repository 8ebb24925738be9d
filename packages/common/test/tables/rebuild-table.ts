/**
 * A program for the tests: compiles a text into a table, as another process would.
 *
 * Arguments: file ending in .db, kind (map or aliases), text.
 */
import { parseAliasText } from "../../src/tables/alias-text.ts";
import { writeCompiledTable } from "../../src/tables/compile.ts";
import { parseMapText } from "../../src/tables/map-text.ts";

const [file = "", kind = "", text = ""] = process.argv.slice(2);
const { entries } = kind === "aliases" ? parseAliasText(text, file) : parseMapText(text, file);
await writeCompiledTable(file, entries, kind === "aliases" ? "aliases" : "map", { text, readAt: Date.now() });
