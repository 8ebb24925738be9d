/**
 * The looks of Sendmail's address test mode: tokens with blanks between them, two columns, the help. Pure.
 */

/** `joe @ example . com`: the tokens of a text as Sendmail prints them. */
export function tokens(text: string): string {
  const found = text.match(/"(?:[^"\\]|\\.)*"|\$[#@:|]|[.:%@!^/[\]+<>,;=]|[^\s".:%@!^/[\]+<>,;=$]+|\$|"/g);
  return (found ?? []).join(" ");
}

/** `check_mail         input: bad @ far . example`. */
export function inputLine(ruleset: string, text: string): string {
  return `${ruleset.slice(0, 16).padEnd(16)}   input: ${tokens(text)}`;
}

/** `check_mail       returns: OK`. */
export function returnsLine(ruleset: string, text: string): string {
  return `${ruleset.slice(0, 16).padEnd(16)} returns: ${tokens(text)}`;
}

/** What `?` prints. */
export const TEST_HELP = `Help for test mode:
?                     this text
.DmVALUE              give macro m a value: .D{client_addr}192.0.2.7
.CcVALUE              add a value to class c, for this session
$m                    the value of macro m
$=c                   the members of class c: w (our names), R (relay-domains), t (trusted users), m, G, M
=M                    the mailers
=SRULESET             what a ruleset does
RULES ADDRESS         run an address through rulesets: 3,0 joe; check_rcpt amy@far.example;
                      check_relay host.example $| 192.0.2.7
/parse ADDRESS        where mail for the address goes
/try MAILER ADDRESS   the address as the mailer would present it
/tryflags FLAGS       S or R (sender, recipient), H or E (header, envelope) for /try
/mx HOST              the mail exchangers of a host
/canon HOST           the full name of a host
/map NAME KEY         look a key up: access, aliases, virtuser, mailertable, domaintable, generics, authinfo
-dWORDS               taken, and nothing changes
/quit                 leave
End of HELP info`;
