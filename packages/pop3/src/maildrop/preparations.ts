/**
 * What is done to a mailbox before a session sees it, as the settings have it: what Qpopper left over is put back, then new
 * bulletins come.
 */
import type { Accounts } from "@mailhost/common/accounts/accounts";
import { openGroups } from "@mailhost/common/accounts/groups-file";
import type { Clock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { bulletinPreparation } from "../bulletins/bulletins.ts";
import { openProgressStore } from "../bulletins/progress-store.ts";
import type { MailboxPreparation } from "./open.ts";
import { tempDropPreparation } from "./temp-drop-preparation.ts";

/** What they need. Functions are for what a reload may replace. */
export interface PreparationParts {
  readonly site: Site;
  readonly settings: () => Settings;
  readonly accounts: () => Accounts;
  readonly log: Log;
  readonly clock: Clock;
}

/** The preparations of a server. */
export interface Preparations {
  /** In their order, by the settings of now. */
  current(): readonly MailboxPreparation[];
  close(): Promise<void>;
}

/** Makes them. Nothing is opened before it is needed. */
export function openPreparations({ site, settings, accounts, log, clock }: PreparationParts): Preparations {
  const progress = openProgressStore(site);
  const groups = openGroups(site);
  let made: { readonly by: Settings; readonly list: readonly MailboxPreparation[] } | undefined;
  const make = (by: Settings): readonly MailboxPreparation[] => {
    const left = tempDropPreparation({ site, find: (name) => accounts().find(name), log, clock });
    const { bulletins } = by;
    if (bulletins.folder === "") return [left];
    const folder = sitePath(site, bulletins.folder);
    const { hostname } = by;
    return [
      left,
      bulletinPreparation({ folder, settings: bulletins, hostname, accounts, groups, progress, log }),
    ];
  };
  return {
    current() {
      const by = settings();
      if (made?.by !== by) made = { by, list: make(by) };
      return made.list;
    },
    close: () => progress.close(),
  };
}
