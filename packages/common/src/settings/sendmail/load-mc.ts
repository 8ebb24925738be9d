/**
 * A `config.mc` on disk, read with the files that it includes.
 */
import { dirname, isAbsolute, join, resolve } from "node:path";
import { ConfigError } from "../../errors.ts";
import { type Site, sitePath } from "../../site.ts";
import { readText } from "./load-cf.ts";
import type { M4Files } from "./m4.ts";
import { readMc } from "./mc.ts";
import type { SendmailConfig } from "./model.ts";
import { belowRoot } from "./option-values.ts";

/**
 * Reads a `config.mc` from disk. What it includes is looked for beside it, then below the site root, then where it says.
 *
 * @throws ConfigFaults; ConfigError when there is no such file
 */
export function readMcFile(site: Site, file: string): SendmailConfig {
  const text = readText(file);
  if (text === undefined) throw new ConfigError(file, 0, "no such file");
  return readMc(text, file, mcFiles(site, dirname(resolve(file))));
}

function mcFiles(site: Site, folder: string): M4Files {
  return {
    read: (path) => {
      const places = isAbsolute(path) ? [sitePath(site, belowRoot(path)), path] : [join(folder, path)];
      for (const file of places) {
        const text = readText(file);
        if (text !== undefined) return { text, file };
      }
      return undefined;
    },
  };
}
