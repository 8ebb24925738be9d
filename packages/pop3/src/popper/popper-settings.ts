/**
 * The settings of a `popper`: the site's, and over them what its flags and the files that they name say, in their order.
 */
import { resolve } from "node:path";
import { UserError } from "@mailhost/common/errors";
import type { QpopperNote } from "@mailhost/common/settings/qpopper/configuration";
import {
  completeConfiguration,
  openQpopperConfiguration,
} from "@mailhost/common/settings/qpopper/load-qpopper";
import { CONFIG_FILE, qpopperOption } from "@mailhost/common/settings/qpopper/option-rows";
import { rememberedSettings } from "@mailhost/common/settings/remembered";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG, EX_USAGE } from "@mailhost/common/sysexits";
import type { PopperOrder } from "./popper-flags.ts";

/** The settings, and what is to be said of them. */
export interface PopperSettingsRead {
  readonly settings: Settings;
  /** What the command line gave, by path, and where. */
  readonly given: ReadonlyMap<string, { readonly value: unknown; readonly origin: string }>;
  readonly notes: readonly QpopperNote[];
}

/** In front of a flag where faults name their place. */
const FLAG = "popper ";

/**
 * Reads the settings.
 *
 * @throws ConfigError or UserError with each fault and its place
 */
export async function popperSettings(site: Site, order: PopperOrder): Promise<PopperSettingsRead> {
  const base = await rememberedSettings(site);
  if (order.options.length === 0) return { settings: base, given: new Map(), notes: [] };
  const { configuration, files } = openQpopperConfiguration(site);
  for (const { flag, name, value } of order.options) {
    const origin = { file: `${FLAG}${flag}`, line: 0 };
    if (name === CONFIG_FILE) configuration.readFile(resolve(value), origin);
    else {
      const text = name === "bulldir" || name === "tracefile" ? resolve(value) : value;
      configuration.give(qpopperOption(name)!, { text, quoted: true }, origin);
    }
  }
  if (configuration.faults.length > 0) {
    const text = configuration.faults.map(({ message }) => message).join("\n");
    // What a file says is a matter of configuration, what a flag says one of the command line.
    if (configuration.faults.some(({ file }) => !file.startsWith(FLAG))) throw new UserError(text, EX_CONFIG);
    const { USAGE } = await import("./usage.ts");
    throw new UserError(`${text}\n${USAGE}`, EX_USAGE);
  }
  const [file] = files;
  if (file !== undefined) completeConfiguration(configuration, { file, line: 0 });
  const settings = structuredClone(base) as unknown as Record<string, unknown>;
  const given = new Map<string, { value: unknown; origin: string }>();
  for (const [path, { value, origin }] of configuration.settings) {
    lay(settings, path.split("."), value);
    given.set(path, { value, origin: origin.line > 0 ? `${origin.file}:${origin.line}` : origin.file });
  }
  return { settings: settings as unknown as Settings, given, notes: configuration.notes };
}

function lay(into: Record<string, unknown>, [name = "", ...below]: readonly string[], value: unknown): void {
  if (below.length === 0) into[name] = value;
  else lay(into[name] as Record<string, unknown>, below, value);
}
