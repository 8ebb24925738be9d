/**
 * From the text of a `sendmail.cf` to settings, every fault in Sendmail's words.
 */
import { readCf } from "./cf.ts";
import { ConfigFaults } from "./config-faults.ts";
import { CfError } from "./config-lines.ts";
import { type SettingsReading, type Surroundings, settingsFrom } from "./settings-from.ts";

/**
 * Reads it.
 *
 * @param file its name, for messages
 * @throws ConfigFaults, whose message is `554 5.0.0 FILE: line N: …` for each fault
 */
export function cfSettings(text: string, file: string, around: Surroundings): SettingsReading {
  const config = readCf(text, file);
  try {
    return settingsFrom(config, around);
  } catch (error) {
    if (!(error instanceof ConfigFaults)) throw error;
    throw new ConfigFaults(error.faults.map((fault) => new CfError(fault.file, fault.line, fault.reason)));
  }
}
