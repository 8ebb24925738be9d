/**
 * The article's `config.mc` (RedHat 6.2, Sendmail 8.11.4, DRAC by hand), and one in RedHat's later manner.
 */

export const ARTICLE_MC = `divert(-1)
dnl config.mc: RedHat 6.2, sendmail 8.11.4, SMTP AUTH + DRAC
divert(0)dnl
include(\`/usr/lib/sendmail-cf/m4/cf.m4')dnl
VERSIONID(\`config.mc for RedHat 6.2')dnl
OSTYPE(\`linux')dnl
DOMAIN(\`generic')dnl
define(\`confDEF_USER_ID',\`\`8:12'')dnl
undefine(\`UUCP_RELAY')dnl
undefine(\`BITNET_RELAY')dnl
define(\`ALIAS_FILE', \`/etc/mail/aliases')dnl
define(\`PROCMAIL_MAILER_PATH', \`/usr/bin/procmail')dnl
define(\`confPRIVACY_FLAGS', \`authwarnings,novrfy,noexpn,restrictqrun')dnl
define(\`confTO_QUEUEWARN', \`4h')dnl
define(\`confTO_QUEUERETURN', \`5d')dnl
define(\`confTO_IDENT', \`0s')dnl
define(\`confMAX_RCPTS_PER_MESSAGE', \`100')dnl
define(\`confAUTH_MECHANISMS', \`LOGIN PLAIN DIGEST-MD5 CRAM-MD5')dnl
TRUST_AUTH_MECH(\`LOGIN PLAIN DIGEST-MD5 CRAM-MD5')dnl
FEATURE(\`use_cw_file')dnl          /etc/mail/local-host-names
FEATURE(\`access_db', \`hash /etc/mail/access')dnl     8.12+ adds -T<TMPF>
FEATURE(\`blacklist_recipients')dnl
FEATURE(\`always_add_domain')dnl
FEATURE(\`redirect')dnl
FEATURE(\`virtusertable', \`hash -o /etc/mail/virtusertable')dnl
FEATURE(\`mailertable', \`hash -o /etc/mail/mailertable')dnl
FEATURE(\`local_procmail')dnl
FEATURE(\`smrsh', \`/usr/sbin/smrsh')dnl
DAEMON_OPTIONS(\`Port=smtp, Name=MTA')dnl
MAILER(\`smtp')dnl
MAILER(\`procmail')dnl
LOCAL_CONFIG
Kdrac btree /etc/mail/dracd
LOCAL_RULESETS
SLocal_check_rcpt
R$*\t$: $&{client_addr}
R$+\t$: $(drac $1 $: ? $)
R?\t$@ ?
R$+\t$@ $#OK
`;

/** As RedHat and Fedora ship it: comments in dnl, the company's changes among them. */
export const REDHAT_MC = `divert(-1)dnl
dnl #
dnl # The macro config of this host; after a change run make -C /etc/mail. It's the package's own file.
dnl #
include(\`/usr/share/sendmail-cf/m4/cf.m4')dnl
VERSIONID(\`setup for linux')dnl
OSTYPE(\`linux')dnl
dnl # Do not advertise sendmail's version.
dnl define(\`confSMTP_LOGIN_MSG', \`$j Sendmail; $b')dnl
define(\`SMART_HOST', \`smtp.provider.example')dnl
define(\`confDEF_USER_ID', \`\`8:12'')dnl
dnl define(\`confAUTO_REBUILD')dnl
define(\`confTO_CONNECT', \`1m')dnl
define(\`confTRY_NULL_MX_LIST', \`True')dnl
define(\`confDONT_PROBE_INTERFACES', \`True')dnl
define(\`PROCMAIL_MAILER_PATH', \`/usr/bin/procmail')dnl
define(\`ALIAS_FILE', \`/etc/aliases')dnl
define(\`STATUS_FILE', \`/var/log/mail/statistics')dnl
define(\`UUCP_MAILER_MAX', \`2000000')dnl
define(\`confUSERDB_SPEC', \`/etc/mail/userdb.db')dnl
define(\`confPRIVACY_FLAGS', \`authwarnings,novrfy,noexpn,restrictqrun')dnl
define(\`confAUTH_OPTIONS', \`A p')dnl
TRUST_AUTH_MECH(\`EXTERNAL DIGEST-MD5 CRAM-MD5 LOGIN PLAIN')dnl
define(\`confAUTH_MECHANISMS', \`EXTERNAL GSSAPI DIGEST-MD5 CRAM-MD5 LOGIN PLAIN')dnl
define(\`confCACERT_PATH', \`/etc/pki/tls/certs')dnl
define(\`confCACERT', \`/etc/pki/tls/certs/ca-bundle.crt')dnl
define(\`confSERVER_CERT', \`/etc/pki/tls/certs/sendmail.pem')dnl
define(\`confSERVER_KEY', \`/etc/pki/tls/private/sendmail.key')dnl
dnl define(\`confTO_QUEUEWARN', \`4h')dnl
define(\`confTO_IDENT', \`0')dnl
FEATURE(\`no_default_msa', \`dnl')dnl
FEATURE(\`smrsh', \`/usr/sbin/smrsh')dnl
FEATURE(\`mailertable', \`hash -o /etc/mail/mailertable.db')dnl
FEATURE(\`virtusertable', \`hash -o /etc/mail/virtusertable.db')dnl
FEATURE(redirect)dnl
FEATURE(always_add_domain)dnl
FEATURE(use_cw_file)dnl
FEATURE(use_ct_file)dnl
FEATURE(local_procmail, \`', \`procmail -t -Y -a $h -d $u')dnl
FEATURE(\`access_db', \`hash -T<TMPF> -o /etc/mail/access.db')dnl
FEATURE(\`blacklist_recipients')dnl
EXPOSED_USER(\`root')dnl
dnl #
dnl # Only loopback, as the package has it; the submission port for the LAN.
dnl #
DAEMON_OPTIONS(\`Port=smtp,Addr=127.0.0.1, Name=MTA')dnl
DAEMON_OPTIONS(\`Port=submission, Name=MSA, M=Ea')dnl
DAEMON_OPTIONS(\`Port=smtps, Name=TLSMTA, M=s')dnl
FEATURE(\`accept_unresolvable_domains')dnl
dnl FEATURE(\`relay_based_on_MX')dnl
LOCAL_DOMAIN(\`localhost.localdomain')dnl
MASQUERADE_AS(\`company.example')dnl
FEATURE(masquerade_envelope)dnl
FEATURE(masquerade_entire_domain)dnl
MASQUERADE_DOMAIN(localhost.localdomain)dnl
MAILER(smtp)dnl
MAILER(procmail)dnl
`;
