/** Whether a name is an account's, of whatever source, for commands that do something to what is there of it. */
import { AccountsUnavailable, openAccounts } from "@mailhost/common/accounts/accounts";
import { UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_TEMPFAIL } from "@mailhost/common/sysexits";

/** @throws UserError (EX_TEMPFAIL) while a directory does not answer; ConfigError for a users file that can not be read */
export async function isAccount(site: Site, settings: Settings, name: string): Promise<boolean> {
  const accounts = openAccounts(site, settings);
  try {
    return (await accounts.lookUp(name)) !== undefined;
  } catch (error) {
    if (!(error instanceof AccountsUnavailable)) throw error;
    throw new UserError(`it can not be said whether ${name} is an account: ${error.message}`, EX_TEMPFAIL);
  } finally {
    await accounts.close();
  }
}
