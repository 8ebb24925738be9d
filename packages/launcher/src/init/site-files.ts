/**
 * The files of a new etc/mail: the article's tables with the company's own names in them.
 */
import { settingsFile } from "./settings-file.ts";

/** What a site is made from; all of it checked. */
export interface NewSite {
  readonly domain: string;
  readonly hostname: string;
  /** Keys of `access`, from init/network.ts. */
  readonly networks: readonly string[];
  /** Ports other than 25, 587, 110, 465 and 995. */
  readonly ports: {
    readonly smtp?: number;
    readonly submission?: number;
    readonly pop3?: number;
    readonly smtps?: number;
    readonly pop3s?: number;
  };
}

/** One file. */
export interface SiteFile {
  /** Its name in etc/mail. */
  readonly name: string;
  readonly text: string;
  readonly mode: number;
}

/** Every file of a new site. */
export function siteFiles(site: NewSite): SiteFile[] {
  const open = 0o644;
  return [
    { name: "mailhost.yaml", text: settings(site), mode: open },
    { name: "access", text: access(site), mode: open },
    { name: "local-host-names", text: localHostNames(site), mode: open },
    { name: "relay-domains", text: RELAY_DOMAINS, mode: open },
    { name: "aliases", text: ALIASES, mode: open },
    // Nothing but the accounts: a secret file has no room for advice.
    { name: "users", text: "", mode: 0o600 },
  ];
}

function settings(site: NewSite): string {
  const given = new Map([["hostname", site.hostname]]);
  const { smtp, submission, pop3, smtps, pop3s } = site.ports;
  if (smtp !== undefined) given.set("smtp.listen", `["0.0.0.0:${smtp}"]`);
  if (submission !== undefined) given.set("smtp.submission", `["0.0.0.0:${submission}"]`);
  if (pop3 !== undefined) given.set("pop3.listen", `["0.0.0.0:${pop3}"]`);
  // A host on ports of its own is a trial beside another, or nobody's who may bind 465 and 995.
  const onOwnPorts = [smtp, submission, pop3].some((port) => port !== undefined);
  const secure = (port: number | undefined) => (port === undefined ? "[]" : `["0.0.0.0:${port}"]`);
  if (smtps !== undefined || onOwnPorts) given.set("smtp.smtps", secure(smtps));
  if (pop3s !== undefined || onOwnPorts) given.set("pop3.pop3s", secure(pop3s));
  return settingsFile(given);
}

function access(site: NewSite): string {
  const width = Math.max(16, ...site.networks.map((n) => n.length + 1));
  const line = (key: string) => `${key.padEnd(width)}RELAY\n`;
  return `# Who may do what. An address, a network (its whole octets), a host or a domain on the left; on the right RELAY,
# OK, REJECT, DISCARD or ERROR:5.7.1:550 text. Who is not named here may write to our own users only.
${line("127.0.0.1")}${site.networks.map(line).join("")}`;
}

function localHostNames(site: NewSite): string {
  const names = [...new Set([site.domain, site.hostname])];
  return `# Domains that are ours: mail for them goes to the mailboxes here.\n${names.map((n) => `${n}\n`).join("")}`;
}

const RELAY_DOMAINS = `# Domains that we take mail for and pass on, as their backup MX: one a line.
`;

const ALIASES = `# Other names of mailboxes: "name: target, target". After a change: newaliases.
# The article's five:
MAILER-DAEMON:  postmaster
postmaster:     root
bin:            root
daemon:         root
nobody:         root
# Names that the world writes to (RFC 2142):
abuse:          postmaster
hostmaster:     postmaster
webmaster:      postmaster
noc:            postmaster
security:       postmaster
# Who reads root's mail; without this line it stays in the mailbox "root":
# root:         alice
`;
