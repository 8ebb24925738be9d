/**
 * From settings by path, `smtp.listen`, to the nested object that the product reads.
 */
import type { Settings } from "./settings.ts";

/** Puts the flat values into the nested shape of {@link Settings}; unset ones are left out. */
export function assemble(values: ReadonlyMap<string, unknown>): Settings {
  const top: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const names = path.split(".");
    const last = names.pop()!;
    let at = top;
    for (const name of names) at = (at[name] ??= {}) as Record<string, unknown>;
    if (value !== undefined) at[last] = value;
  }
  return top as unknown as Settings;
}
