/**
 * Lays a Qpopper configuration file under settings that were read elsewhere: what they say themselves rules.
 */
import type { Site } from "../../site.ts";
import { ConfigFaults } from "../sendmail/config-faults.ts";
import type { Origin, QpopperNote } from "./configuration.ts";
import { completeConfiguration, openQpopperConfiguration } from "./load-qpopper.ts";

/** What was read beside the settings. */
export interface QpopperLayer {
  readonly notes: readonly QpopperNote[];
  /** Full names of the files; none where `pop3.configFile` names none. */
  readonly files: readonly string[];
}

/**
 * Reads the file that `pop3.configFile` names, if it does.
 *
 * @param values every setting by path; takes those of the file
 * @param given the settings that stand in the file which names it, and where
 * @throws ConfigFaults with all that is wrong in the file, each with its line
 */
export function layQpopperFile(
  site: Site,
  values: Map<string, unknown>,
  given: ReadonlyMap<string, Origin>,
): QpopperLayer {
  const named = values.get("pop3.configFile");
  if (typeof named !== "string" || named === "") return { notes: [], files: [] };
  const { configuration, files } = openQpopperConfiguration(site);
  const origin = given.get("pop3.configFile") ?? { file: site.settingsFile, line: 0 };
  configuration.readFile(named, origin);
  if (configuration.faults.length > 0) throw new ConfigFaults(configuration.faults);
  completeConfiguration(configuration, { file: [...files][0] ?? named, line: 0 });
  for (const [path, { value, origin: from }] of configuration.settings) {
    const ruling = given.get(path);
    if (ruling === undefined) values.set(path, value);
    else if (JSON.stringify(values.get(path)) !== JSON.stringify(value))
      configuration.note(from, `${path} is said in ${ruling.file}:${ruling.line} too, and that rules`);
  }
  return { notes: configuration.notes, files: [...files] };
}
