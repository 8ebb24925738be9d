/** The tables that most sites share: our names, the usual aliases, the accounts. */

/** Accounts of the comparison; those of private-namespace.sh's passwd. */
export const ACCOUNTS = ["alice", "bob", "carol", "dave", "erin", "frank"] as const;

/** Files of a site: what every site has, and its own. */
export function tables(own: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    "etc/mail/local-host-names": "linuxaid.com.cn\nmail.linuxaid.com.cn\nvirtual.example\n",
    "etc/mail/aliases": "postmaster: root\nMAILER-DAEMON: postmaster\n",
    "etc/mail/access": "",
    "etc/mail/relay-domains": "relayed.example\n",
    ...own,
  };
}

export const ACCESS = "FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access', `skip')dnl";

/** The same without SKIP, which is a word like any other then. */
export const ACCESS_WITHOUT_SKIP = "FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')dnl";
