/**
 * What holds where a `sendmail.cf` says nothing: Sendmail's own defaults (op.me section 5.6), which differ from those of a
 * host that begins with mailhost.yaml. Whatever is no concern of Sendmail's (POP3, DNS, logins) keeps mailhost's default.
 */

import { NO_LIMIT } from "../option.ts";
import { OPTIONS } from "../options.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What is known of the machine. */
export interface Machine {
  /** Its name as the system has it. */
  readonly hostname: string;
  /** Processors, which the load limits are counted by. */
  readonly processors: number;
}

/** Every setting with its value for an empty `sendmail.cf`. */
export function sendmailDefaults({ hostname, processors }: Machine): Map<string, unknown> {
  const values = new Map<string, unknown>(OPTIONS.map((option) => [option.path, option.default()]));
  for (const [path, value] of Object.entries(DEFAULTS)) values.set(path, value);
  values.set("hostname", hostname);
  values.set("queue.queueLoad", 8 * processors);
  values.set("smtp.refuseLoad", 12 * processors);
  return values;
}

const DEFAULTS: Readonly<Record<string, unknown>> = {
  "smtp.listen": [{ host: "0.0.0.0", port: 25 }],
  "smtp.submission": [],
  "smtp.smtps": [],
  "smtp.maxMessageSize": NO_LIMIT,
  "smtp.maxRecipients": NO_LIMIT,
  "smtp.maxHops": 25,
  "smtp.idleTimeout": HOUR,
  "smtp.privacy": ["authwarnings"],
  "queue.minFreeSpace": 100 * 4096,
  "policy.blocklistRecipients": false,
  "policy.relayNameErrors": true,
  "policy.acceptUnresolvableDomains": false,
  "tables.access": "",
  "tables.aliases": [],
  "tables.localHostNames": "",
  "tables.relayDomains": "",
  "tables.trustedUsers": "",
  "tables.virtusertable": "",
  "tables.mailertable": "",
  "tables.domaintable": "",
  "tables.genericstable": "",
  "tables.genericsDomains": "",
  "tables.authinfo": "",
  "domains.trustedUsers": [],
  "rewrite.exposedUsers": [],
  "rewrite.qualifyHeaders": "all",
  "routing.redirect": false,
  "local.programDirectory": "",
  "local.forwardPath": ["$z/.forward"],
  "relay.connectTimeout": 5 * MINUTE,
  "timeouts.mail": 10 * MINUTE,
  "timeouts.rcpt": HOUR,
  "timeouts.dataInit": 5 * MINUTE,
  "timeouts.dataBlock": HOUR,
  "timeouts.dataFinal": HOUR,
  "drac.enabled": false,
  "log.statistics": "",
};
