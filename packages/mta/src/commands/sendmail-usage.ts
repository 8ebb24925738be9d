/**
 * `sendmail --help`.
 */

/** The text, without its last line end. */
export const SENDMAIL_USAGE = `usage: sendmail [-t] [-i] [-f SENDER] [-F NAME] [-N WHEN] [-R full|hdrs] [-V ID] [-v] [RECIPIENT...]
       sendmail -bs               SMTP on standard input and output
       sendmail -bv ADDRESS...    where mail for an address would go
       sendmail -bt               what tables and rules say, address by address
       sendmail -bp [-v] [-q...]  the queue (mailq)
       sendmail -bP               how many messages are in it
       sendmail -bi               compile the aliases (newaliases)
       sendmail -bh, -bH          what is known of other hosts, and forgetting it (hoststat, purgestat)
       sendmail -bd, -bD [-q20m]  start the host in the background, in the foreground
       sendmail -bC               check the settings
       sendmail -q[f]             attempt everything in the queue now
       sendmail -q[!]I|R|S|Q TEXT only messages whose id, recipient, sender or quarantine reason has the text
       sendmail -Q[REASON] -qI ID put into quarantine, or without a reason out of it
Every form takes --root DIR (or MAILHOST_ROOT), -C FILE for other settings and -O NAME=VALUE for one.`;
