/**
 * Who checks the passwords of the system's accounts.
 */
import type { Clock } from "../clock.ts";
import type { ConfigError } from "../errors.ts";
import type { SystemSettings } from "../settings/roaming-settings.ts";
import type { Site } from "../site.ts";

/** Checks passwords of system accounts. */
export interface SystemPasswords {
  /**
   * Whether the password is right, and its account may log in at all.
   *
   * @throws AccountsUnavailable when it can not be said now
   */
  check(name: string, password: string): Promise<boolean>;
}

export function openSystemPasswords(
  _site: Site,
  _settings: SystemSettings,
  _parts: { onFault: (fault: ConfigError) => void; clock: Clock },
): SystemPasswords | undefined {
  return undefined;
}
