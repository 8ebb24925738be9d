/**
 * Where mailhost does otherwise than Sendmail, each with its reason. A difference that is not here fails the comparison, and
 * so does one that is here and is not seen any more. `row` is how docs/compatibility.md begins the row about it.
 */
import type { Difference } from "./compare.ts";

/** One kind of difference. */
export interface KnownDifference {
  /** First cell of the row in docs/compatibility.md, section "Seen side by side". */
  readonly row: string;
  /** What differs, see {@link Difference.what}. */
  readonly what: RegExp;
  readonly sendmail: RegExp;
  readonly mailhost: RegExp;
  /** Where only some cases may differ so. */
  readonly case?: RegExp;
  readonly site?: RegExp;
}

const NOTHING = /^$/;
const ANYTHING = /^/;

/** What SMTP sessions are told. */
const REPLIES: readonly KnownDifference[] = [
  { row: "no `SMTPUTF8`", what: /^extension/, sendmail: NOTHING, mailhost: /^SMTPUTF8$/ },
  { row: "no `SMTPUTF8`", what: /^reply to MAIL$/, sendmail: /^555 .* SMTPUTF8 /, mailhost: /^250/ },
  { row: "`DELIVERBY`", what: /^extension/, sendmail: /^DELIVERBY$/, mailhost: NOTHING },
  {
    row: "replies show an address as it was written",
    what: /^reply to (?:MAIL|RCPT)$/,
    sendmail: /^250 2\.1\.[05] .*\.\.\. (?:Sender|Recipient) ok$/,
    mailhost: /^250 2\.1\.[05] <[^<>]*>\.\.\. (?:Sender|Recipient) ok$/,
  },
  {
    row: "replies show an address as it was written",
    what: /^reply to RCPT$|^log ruleset/,
    sendmail: /<@linuxaid\.com\.cn:x@example\.com>|^$/,
    mailhost: /<x@example\.com>|^$/,
    case: /<@linuxaid\.com\.cn:x@example\.com>/,
  },
  {
    row: "`a b@c`, `(x)a@c`, `<<a@c>>`, `<a@c>x` are addresses",
    what: /^reply to (?:MAIL|RCPT)$|^log refusal/,
    sendmail: /^(?:250 2\.1\.[05]|550 5\.1\.1|555 5\.5\.4|<alice bob@|$)/,
    mailhost: /Invalid user address$|Syntax error in parameters scanning/,
  },
  {
    row: "parameters: `SIZE=` without a value, `NOTIFY` twice",
    what: /^reply to (?:MAIL|RCPT)$/,
    sendmail: /^250/,
    mailhost: /^501 5\.5\.[02] (?:SIZE requires a value|Duplicate NOTIFY parameter)$/,
  },
  {
    row: "no HELO is needed unless `needmailhelo` says so",
    what: /^reply to MAIL$/,
    sendmail: /^250/,
    mailhost: /^503 5\.0\.0 Polite people say HELO first$/,
  },
  {
    row: "`HELP` reads a helpfile",
    what: /^reply to HELP$/,
    sendmail: /HELP not implemented$/,
    mailhost: /^(?:214|504)/,
  },
  {
    row: "`VRFY` and `EXPN` give the full name",
    what: /^reply to (?:VRFY|EXPN)$/,
    sendmail: /^250 2\.1\.5 \w+ <.*>$/,
    mailhost: /^250 2\.1\.5 <.*>$/,
  },
  {
    row: "`HELO` takes any text",
    what: /^reply to HELO$/,
    sendmail: /./,
    mailhost: /./,
    case: /^greeting: HELO \u00e9/,
  },
  {
    row: "a command of more than 2,048 octets ends the session",
    what: /^reply to|^extension/,
    sendmail: /^421 .*Command too long|^connection ended|^$/,
    mailhost: /^250 2\.0\.0 OK$|^221/,
    case: /very long line/,
  },
  {
    row: "an error's text is read by tokens",
    what: /^(?:reply to (?:MAIL|RCPT)|log ruleset reject|log refusal)$/,
    sendmail:
      /the old form,later|\.\.\. (?:550We, of this house, say no|:450 try later|>hidden<@virtual\.example\.|nohost)$|^(?:550 5\.1\.1 )?alice # not a comment|^$/,
    mailhost: /the old form, later|We, of this house, say no|try later|User unknown|^$/,
    case: /old4\.example|strange@|tempfail@|hidden@|error2\.table|<comment>/,
  },
  {
    row: "`SKIP` for a whole address is an error's text",
    what: /^(?:reply to|log (?:ruleset|refusal))/,
    sendmail: /SKIP$|Need MAIL before RCPT|^$/,
    mailhost: ANYTHING,
    site: /^generated access/,
    case: /<[uv](?:\+[de])?@/,
  },
  {
    row: "an address of the host itself is a client like any other",
    what: /^(?:reply to RCPT|log ruleset)$/,
    sendmail: /IP name lookup failed \[IPv6:/,
    mailhost: /^(?:250 2\.1\.5 .*)?$/,
    case: /^client 2001:db8:ffff::1$/,
  },
  {
    row: "`a%b@here`, `b!a@here` and `a!b` are routes",
    what: /^(?:reply to (?:MAIL|RCPT)|log (?:refusal|ruleset reject))$/,
    sendmail: /^250 2\.1\.5|Domain of sender address a!b does not exist$|^$/,
    mailhost: /User unknown$|Domain name required for sender address a!b$/,
    case: /%|!/,
  },
];

/** Mail that goes elsewhere, or otherwise. */
const DELIVERIES: readonly KnownDifference[] = [
  {
    row: "a list with one unknown member is refused whole",
    what: /^(?:reply to|log|deliveries|header|order|parts|fields|transcript|body)/,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
    case: /<partly>/,
  },
  {
    row: "a copy for each spelling of a mailbox (`alice`, `alice+d`)",
    what: /^deliveries$/,
    sendmail: /mailbox (\w+): [^\n]*\nmailbox \1: /,
    mailhost: /mailbox (\w+): (?![^\n]*\nmailbox \1:)/,
    site: /^generated aliases/,
  },
  {
    row: "`From ` and Return-Path of a mailbox name a local sender without its domain",
    what: /^(?:deliveries|header (?:return-path|x-from-line))$/,
    sendmail: /from [\w+]+(?:\n|$)|<MAILER-DAEMON|X-From-Line: keeper$/im,
    mailhost: /from \w[\w.+-]*@|from MAILER-DAEMON|^return-path: <>$|keeper@/im,
  },
  {
    row: "a client that is quarantined by `Connect:` is delivered",
    what: /^(?:deliveries|log to)/,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
    case: /^a quarantined client's message$/,
  },
  {
    row: "one transaction for all recipients of a host",
    what: /^deliveries$/,
    sendmail: /^host /,
    mailhost: /^host /,
    case: /^mailertable: several hosts$|^mail for <mixed>$|^\d+: <.*> n\d/,
  },
  {
    row: "a list with an owner takes NOTIFY and RET for itself",
    what: ANYTHING,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
    site: /^delivery reports$/,
    case: /^a list,/,
  },
  {
    row: "`BODY=8BITMIME` only where there are octets of 8 bits",
    what: /^deliveries$/,
    sendmail: /from <root@mail\.linuxaid\.com\.cn>, to/,
    mailhost: / BODY=8BITMIME, /,
    site: /^commands$/,
  },
];

/** What stands in headers. */
const HEADERS: readonly KnownDifference[] = [
  {
    row: "Bcc and Return-Path are taken out",
    what: /^header (?:bcc|return-path)$/,
    sendmail: ANYTHING,
    mailhost: /^(?:bcc|return-path):/,
    case: /^with a (?:Bcc|Return-Path)/,
  },
  {
    row: "Bcc and Return-Path are taken out",
    what: /^order/,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
    case: /^with a (?:Bcc|Return-Path)/,
  },
  {
    row: "Resent-Message-Id is added",
    what: /^(?:header resent-message-id|order|log from msgid)/,
    sendmail: /resent-message-id|<\S+>/i,
    mailhost: ANYTHING,
    case: /^resent/,
  },
  {
    row: "Return-Receipt-To is left as it is",
    what: /^header return-receipt-to$/,
    sendmail: /: carol$/,
    mailhost: /: carol@/,
  },
  {
    row: "`for` in Received only when RCPT came once",
    what: /^header received$/,
    sendmail: /id QID; DATE$/,
    mailhost: /id QID for <[^>]+>; DATE$/,
  },
  {
    row: "`Received: from localhost (localhost [[UNIX: localhost]])`",
    what: /^header received$/,
    sendmail: /^received: from localhost \(localhost \[\[UNIX: localhost\]\]\)/,
    mailhost: /^received: \(from root@localhost\)/,
  },
];

/** Reports: what they say beyond Sendmail's words, and what they leave out. */
const REPORTS: readonly KnownDifference[] = [
  {
    row: "a report's header",
    what: /^header (?:received|references|message-id|from|content-type)$/,
    sendmail: /^$|localhost \(localhost\)|STAMP|MAILER-DAEMON|multipart\/report/,
    mailhost: /^$|references:|message-id:|MAILER-DAEMON|multipart\/report/,
  },
  {
    row: "a report's header",
    what: /^order of the header$/,
    sendmail: /auto-submitted/,
    mailhost: /auto-submitted/,
  },
  {
    row: "a report's text is plain ASCII",
    what: /^parts of the report$/,
    sendmail: ANYTHING,
    mailhost: /^Content-Type: text\/plain; charset=utf-8/,
  },
  {
    row: "a report's transcript shows the command that was sent last",
    what: /^transcript/,
    sendmail: />>> DATA/,
    mailhost: />>> RCPT To:/,
  },
  {
    row: "a report on an unknown host names it as Remote-MTA",
    what: /^(?:transcript|fields)/,
    sendmail: /Host unknown/,
    mailhost: /Host unknown/,
  },
  {
    row: "a report on what was relayed names the host",
    what: /^fields/,
    sendmail: /Remote-MTA: DNS; \S+\nDiagnostic-Code: SMTP; 250/,
    mailhost: /Action: relayed/,
  },
];

/** The log. */
const LOG: readonly KnownDifference[] = [
  {
    row: "`ctladdr=` has the user that virtusertable or domaintable leads to",
    what: /^log to ctladdr$/,
    sendmail: /^<alice@linuxaid\.com\.cn> \(2004\/2004\)$/,
    mailhost: /^<alice@linuxaid\.com\.cn> \(2001\/2001\)$/,
  },
  {
    row: "`ctladdr=` has the user that virtusertable or domaintable leads to",
    what: /^log to ctladdr$/,
    sendmail: /^(?:<alice@pc\.linuxaid\.com\.cn> \(2001\/2001\))?$/,
    mailhost: /^(?:<carol@virtual\.example> \(2003\/2003\))?$/,
    site: /^domaintable$/,
  },
  {
    row: "`to=` in the log names a recipient as its alias does",
    what: /^log to to$/,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
  },
  {
    row: "`relay=` of local mail is the detail",
    what: /^log to relay$/,
    sendmail: /^\S+$/,
    mailhost: NOTHING,
  },
  {
    row: "`SYSERR`",
    what: /^log other$/,
    sendmail: /SYSERR\(root\): rewrite|^$/,
    mailhost: /QID: rewrite|^$/,
  },
];

/** The commands. */
const COMMANDS: readonly KnownDifference[] = [
  {
    row: "errors of `sendmail` go to standard output",
    what: /^std(?:out|err)$/,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
    case: /^sendmail (?!-b[vt])/,
  },
  {
    row: "`sendmail -bv` names the address that it ends at",
    what: /^stdout$/,
    sendmail: /deliverable|Hostname|User unknown/,
    mailhost: /deliverable|required|User unknown/,
    case: /-bv/,
  },
  {
    row: "`sendmail -bt` shows the rulesets' steps",
    what: /^stdout$/,
    sendmail: /^ADDRESS TEST MODE/,
    mailhost: /^ADDRESS TEST MODE/,
  },
  {
    row: "`praliases` in the database's order",
    what: /^stdout$/,
    sendmail: /^@:@/,
    mailhost: /postmaster:root/,
  },
  { row: "exit codes of `sendmail`", what: /^exit code$/, sendmail: ANYTHING, mailhost: ANYTHING },
  {
    row: "a message that `sendmail` could not deliver",
    what: /^deliveries$/,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
    site: /^commands$/,
  },
  {
    row: "refusals of `sendmail` are in the log",
    what: /^log (?:refusal|other|from|to)$/,
    sendmail: ANYTHING,
    mailhost: ANYTHING,
    site: /^commands$/,
  },
];

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  ...REPLIES,
  ...DELIVERIES,
  ...HEADERS,
  ...REPORTS,
  ...LOG,
  ...COMMANDS,
];

/** The first entry that covers a difference. */
export function knownAs(difference: Difference): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(
    (known) =>
      known.what.test(difference.what) &&
      known.sendmail.test(difference.sendmail) &&
      known.mailhost.test(difference.mailhost) &&
      (known.case ?? ANYTHING).test(difference.case) &&
      (known.site ?? ANYTHING).test(difference.site),
  );
}
