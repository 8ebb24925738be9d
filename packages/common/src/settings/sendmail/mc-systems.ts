/**
 * What OSTYPE(…) and DOMAIN(…) of Sendmail's own files set, as far as mailhost's settings depend on it. The files themselves are
 * not read, so that a `config.mc` is understood on a host that has never had Sendmail.
 */

/** Defines, and FEATUREs that are called after them. */
export interface StockEffects {
  readonly defines: Readonly<Record<string, string>>;
  readonly features?: readonly string[];
  readonly exposedUsers?: readonly string[];
}

const MAIL_LOCAL = { LOCAL_MAILER_PATH: "/usr/libexec/mail.local" };
const BSD_STATISTICS = { STATUS_FILE: "/var/log/sendmail.st" };
const LIB = { confEBINDIR: "/usr/lib" };
const PLAIN: StockEffects = { defines: LIB };
const BSD: StockEffects = { defines: { ...MAIL_LOCAL, ...BSD_STATISTICS } };
const IRIX: StockEffects = {
  defines: {
    ...LIB,
    STATUS_FILE: "/var/sendmail.st",
    confDEF_USER_ID: "998:998",
    LOCAL_MAILER_ARGS: "mail -s -d $u",
  },
};
const PROCMAIL = { PROCMAIL_MAILER_PATH: "/usr/bin/procmail", confEBINDIR: "/usr/sbin" };
const SOLARIS: StockEffects = {
  defines: { ...LIB, LOCAL_MAILER_PATH: "/usr/lib/mail.local", LOCAL_MAILER_ARGS: "mail.local -d $u" },
};
const SOLARIS_LMTP: StockEffects = { defines: { ...LIB, _NETINET6_: "1" }, features: ["local_lmtp"] };
const UCB: StockEffects = {
  defines: { confEBINDIR: "/usr/ucblib", LOCAL_MAILER_PATH: "/usr/ucblib/binmail" },
};
const mailer = (path: string, args: string): StockEffects => ({
  defines: { ...LIB, LOCAL_MAILER_PATH: path, LOCAL_MAILER_ARGS: args },
});
const UNICOS: StockEffects = {
  defines: { ALIAS_FILE: "/usr/lib/aliases", STATUS_FILE: "/usr/lib/sendmail.st" },
};

export const OSTYPES: Readonly<Record<string, StockEffects>> = {
  "a-ux": PLAIN,
  aix3: mailer("/bin/bellmail", "mail $u"),
  aix4: mailer("/bin/bellmail", "mail -F $g $u"),
  aix5: mailer("/bin/bellmail", "mail -F $g $u"),
  altos: mailer("/usr/bin/lmail", "lmail $u"),
  "amdahl-uts": PLAIN,
  "bsd4.3": { defines: {} },
  "bsd4.4": BSD,
  bsdi: BSD,
  "bsdi1.0": BSD,
  "bsdi2.0": BSD,
  darwin: BSD,
  debian: {
    defines: {
      confSMTP_LOGIN_MSG:
        // biome-ignore lint/suspicious/noTemplateCurlyInString: Sendmail's macros
        "$j Sendmail $v/$Z; $b; (No UCE/UBE) $?{client_addr}logging access from: ${client_name}(${client_resolve})-$_$.",
      STATUS_FILE: "/var/lib/sendmail/sendmail.st",
      confCR_FILE: "-o /etc/mail/relay-domains %[^\\#]",
      confCT_FILE: "/etc/mail/trusted-users %[^\\#]",
      confCW_FILE: "/etc/mail/local-host-names %[^\\#]",
      confEBINDIR: "/usr/libexec/sendmail",
      confDEF_USER_ID: "mail:mail",
      LOCAL_MAILER_PATH: "/usr/sbin/sensible-mda",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Sendmail's macros
      LOCAL_MAILER_ARGS: "sensible-mda $g $u $h ${client_addr}",
      PROCMAIL_MAILER_PATH: "/usr/bin/procmail",
      PROCMAIL_MAILER_ARGS: "procmail -m $h $f $u",
    },
  },
  dgux: PLAIN,
  domainos: PLAIN,
  dragonfly: BSD,
  "dynix3.2": PLAIN,
  freebsd4: BSD,
  freebsd5: BSD,
  freebsd6: BSD,
  gnu: { defines: { ...BSD_STATISTICS, LOCAL_MAILER_PATH: "/libexec/mail.local" } },
  hpux10: { defines: { LOCAL_SHELL_PATH: "/usr/bin/sh", LOCAL_MAILER_PATH: "/usr/bin/rmail" } },
  hpux11: { defines: { LOCAL_SHELL_PATH: "/usr/bin/sh", LOCAL_MAILER_PATH: "/usr/bin/rmail" } },
  hpux9: PLAIN,
  irix4: PLAIN,
  irix5: IRIX,
  irix6: IRIX,
  "isc4.1": mailer("/bin/lmail", "lmail -s $u"),
  linux: { defines: PROCMAIL, features: ["local_procmail"] },
  maxion: {
    defines: {
      confEBINDIR: "/usr/ucblib",
      STATUS_FILE: "/var/adm/log/sendmail.st",
      LOCAL_MAILER_PATH: "/usr/bin/mail",
    },
  },
  mklinux: { defines: { ...PROCMAIL, ...BSD_STATISTICS }, features: ["local_procmail"] },
  mpeix: {
    defines: {
      confDEF_USER_ID: "SERVER.SENDMAIL",
      LOCAL_MAILER_PATH: "/bin/tsmail",
      LOCAL_MAILER_ARGS: "tsmail $u",
    },
  },
  nextstep: PLAIN,
  openbsd: BSD,
  osf1: {
    defines: {
      confEBINDIR: "/usr/lbin",
      STATUS_FILE: "/usr/adm/sendmail/sendmail.st",
      confDEF_USER_ID: "daemon",
    },
  },
  powerux: mailer("/usr/bin/rmail", "rmail $u"),
  ptx2: PLAIN,
  qnx: mailer("/usr/bin/mailx", "mail $u"),
  "riscos4.5": PLAIN,
  "sco-uw-2.1": mailer("/usr/bin/rmail", "rmail $u"),
  "sco3.2": mailer("/usr/bin/lmail", "lmail $u"),
  sinix: {
    defines: {
      confEBINDIR: "/usr/ucblib",
      STATUS_FILE: "/var/sendmail.st",
      LOCAL_MAILER_PATH: "/bin/mail.local",
    },
  },
  solaris11: SOLARIS_LMTP,
  solaris2: SOLARIS,
  "solaris2.ml": SOLARIS,
  "solaris2.pre5": mailer("/bin/mail", "mail -f $g -d $u"),
  solaris8: SOLARIS_LMTP,
  "sunos3.5": PLAIN,
  "sunos4.1": PLAIN,
  svr4: UCB,
  ultrix4: PLAIN,
  unicos: UNICOS,
  unicosmk: UNICOS,
  unicosmp: { defines: { ...LIB, ...BSD_STATISTICS, LOCAL_MAILER_PATH: "/usr/bin/mail" } },
  unixware7: mailer("/etc/mail/slocal", "slocal -user $u"),
  unknown: { defines: {} },
  uxpds: UCB,
};

/** Debian's domains shorten what a client may take. */
const DEBIAN_TIMES = {
  confTO_MAIL: "2m",
  confTO_DATAINIT: "2m",
  confTO_RSET: "1m",
  confTO_QUIT: "2m",
  confTO_COMMAND: "5m",
  confSAFE_FILE_ENV: "/",
};

export const DOMAINS: Readonly<Record<string, StockEffects>> = {
  generic: {
    defines: { confFORWARD_PATH: "$z/.forward.$w+$h:$z/.forward+$h:$z/.forward.$w:$z/.forward" },
    features: ["redirect", "use_cw_file"],
    exposedUsers: ["root"],
  },
  "debian-mta": {
    defines: {
      ...DEBIAN_TIMES,
      STATUS_FILE: "/var/lib/sendmail/sendmail.st",
      confMAX_DAEMON_CHILDREN: "0",
      confMAX_HOP: "100",
      confPRIVACY_FLAGS: "restrictqrun,restrictexpand",
    },
  },
  "debian-msp": {
    defines: {
      ...DEBIAN_TIMES,
      STATUS_FILE: "/var/lib/sendmail/sm-client.st",
      MSP_QUEUE_DIR: "/var/spool/mqueue-client",
      confTO_HOSTSTATUS: "0",
      confRUN_AS_USER: "smmsp",
    },
    features: ["no_default_msa"],
  },
};
