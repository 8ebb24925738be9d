/**
 * A directory's accounts, as {@link openAccounts} asks for them.
 */
import type { Clock } from "../clock.ts";
import type { ConfigError } from "../errors.ts";
import type { LdapSettings } from "../settings/roaming-settings.ts";
import type { Site } from "../site.ts";
import type { Account } from "./accounts.ts";

export interface Directory {
  remembered(name: string): Account | undefined;
  lookUp(name: string): Promise<Account | undefined>;
  check(name: string, password: string): Promise<boolean>;
  close(): Promise<void>;
}
export function openDirectory(
  _site: Site,
  _settings: LdapSettings,
  _parts: { onFault: (fault: ConfigError) => void; clock: Clock; lasting: boolean },
): Directory {
  throw new Error("no directory yet");
}
