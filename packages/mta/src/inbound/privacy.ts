/**
 * Sendmail's PrivacyOptions, as sessions ask for them.
 */
import type { Settings } from "@mailhost/common/settings/settings";

/** What `goaway` stands for (operations guide, section 5.6). */
const GO_AWAY: ReadonlySet<string> = new Set([
  "authwarnings",
  "noexpn",
  "novrfy",
  "noverb",
  "needmailhelo",
  "needexpnhelo",
  "needvrfyhelo",
]);

/** True when an option is set, by itself or by `goaway`. */
export function hasPrivacy({ smtp: { privacy } }: Pick<Settings, "smtp">, option: string): boolean {
  return privacy.includes(option) || (privacy.includes("goaway") && GO_AWAY.has(option));
}

/** The extensions that EHLO names for the verbs that are allowed. */
export function allowedVerbs(settings: Pick<Settings, "smtp">): string[] {
  const expn = !hasPrivacy(settings, "noexpn");
  return [
    ...(expn ? ["EXPN"] : []),
    ...(expn && !hasPrivacy(settings, "noverb") ? ["VERB"] : []),
    ...(hasPrivacy(settings, "noetrn") ? [] : ["ETRN"]),
  ];
}
