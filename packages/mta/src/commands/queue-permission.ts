/**
 * Who may look at the queue and run it: PrivacyOptions `restrictmailq` and `restrictqrun`. With them only root and the
 * owner and group of the queue folder may, as in Sendmail.
 */
import { statSync } from "node:fs";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";

/** True when the option keeps this process's user from it. */
export function mayNot(
  option: "restrictmailq" | "restrictqrun",
  site: Site,
  settings: Settings | undefined,
): boolean {
  const privacy = settings?.smtp.privacy ?? [];
  if (!privacy.includes(option)) return false;
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return false;
  const folder = statSync(site.queueDir, { throwIfNoEntry: false });
  if (folder === undefined) return false;
  const groups = [process.getgid?.(), ...(process.getgroups?.() ?? [])];
  return folder.uid !== uid && !(option === "restrictmailq" && groups.includes(folder.gid));
}
