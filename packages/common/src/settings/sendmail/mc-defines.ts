/**
 * The defines of a `config.mc` besides the options (options.ts): what Sendmail's own files begin with, and which names exist.
 */

/** What Sendmail's m4 files define before the `config.mc` is read, as far as settings depend on it. */
export const STOCK_DEFINES: Readonly<Record<string, string>> = {
  MAIL_SETTINGS_DIR: "/etc/mail/",
  DATABASE_MAP_TYPE: "hash",
  CF_LEVEL: "10",
  _CF_DIR_: "",
  ALIAS_FILE: "/etc/mail/aliases",
  confCW_FILE: "/etc/mail/local-host-names",
  confCR_FILE: "-o /etc/mail/relay-domains",
  confALIAS_WAIT: "10",
  confCHECK_ALIASES: "False",
  confDELIVERY_MODE: "background",
  confFORWARD_PATH: "$z/.forward.$w:$z/.forward",
  confLOG_LEVEL: "9",
  confMAILER_NAME: "MAILER-DAEMON",
  confMIN_FREE_BLOCKS: "100",
  confPRIVACY_FLAGS: "authwarnings",
  confSAFE_QUEUE: "True",
  confSMTP_LOGIN_MSG: "$j Sendmail $v/$Z; $b",
  confTIME_ZONE: "USE_SYSTEM",
  confTO_QUEUERETURN: "5d",
  confTO_QUEUEWARN: "4h",
};

/** Macros of a `.cf` that a define gives. */
export const MACRO_DEFINES: Readonly<Record<string, string>> = {
  confDOMAIN_NAME: "j",
  SMART_HOST: "S",
  LUSER_RELAY: "L",
  LOCAL_RELAY: "R",
  MAIL_HUB: "H",
  UUCP_RELAY: "Y",
  BITNET_RELAY: "B",
  DECNET_RELAY: "C",
  FAX_RELAY: "F",
};

/** Names that exist and are used by the reader itself. */
export const READ_DEFINES: readonly string[] = [
  ...Object.keys(STOCK_DEFINES),
  ...Object.keys(MACRO_DEFINES),
  "confCT_FILE",
  "confTRUSTED_USERS",
  "confREJECT_MSG",
  "confEBINDIR",
  "LOCAL_MAILER_PATH",
  "LOCAL_MAILER_ARGS",
  "LOCAL_SHELL_PATH",
  "LOCAL_SHELL_ARGS",
  "PROCMAIL_MAILER_PATH",
  "PROCMAIL_MAILER_ARGS",
  "SMTP_MAILER_ARGS",
  "ESMTP_MAILER_ARGS",
  "SMTP8_MAILER_ARGS",
  "DSMTP_MAILER_ARGS",
  "RELAY_MAILER_ARGS",
  "MSP_QUEUE_DIR",
];

/** Names that exist and change nothing here: the version's name, mailers' flags and bounds, headers, what rules alone use. */
export const UNUSED_DEFINES: readonly string[] = (
  "confCF_VERSION confSMTP_MAILER confLOCAL_MAILER confRELAY_MAILER confUUCP_MAILER confFROM_HEADER confMESSAGEID_HEADER " +
  "confRECEIVED_HEADER confLDAP_CLUSTER confDEQUOTE_OPTS confRELAY_MSG confRCPTREJ_MSG confALLOW_RELAY confMSG_TEMP " +
  "confNO_RULES confCR_FILE_OPTS confSMTPS confMILTER_MACROS_CONNECT confENHDNSBL confTLS_SRV_AUTH " +
  "DNSBL_MAP DNSBL_MAP_OPT EDNSBL_TO MTAMARK_TO CERT_REGEX CERTIssuer DATABASE_MAP_TYPE VENDOR_NAME NO_VENDOR TEMPFILE " +
  "LOCAL_MAILER_FLAGS LOCAL_MAILER_MAX LOCAL_MAILER_MAXMSGS LOCAL_MAILER_MAXRCPTS LOCAL_MAILER_CHARSET LOCAL_MAILER_EOL " +
  "LOCAL_MAILER_DSN_DIAGNOSTIC_CODE LOCAL_MAILER_QGRP LOCAL_PROG_QGRP LOCAL_SHELL_FLAGS LOCAL_SHELL_DIR " +
  "SMTP_MAILER_FLAGS SMTP_MAILER_MAX SMTP_MAILER_MAXMSGS SMTP_MAILER_MAXRCPTS SMTP_MAILER_CHARSET SMTP_MAILER_LL SMTP_MAILER_QGRP " +
  "ESMTP_MAILER_QGRP SMTP8_MAILER_QGRP DSMTP_MAILER_QGRP RELAY_MAILER_FLAGS RELAY_MAILER_LL RELAY_MAILER_MAXMSGS RELAY_MAILER_CHARSET " +
  "RELAY_MAILER_QGRP PROCMAIL_MAILER_FLAGS PROCMAIL_MAILER_MAX PROCMAIL_MAILER_QGRP USENET_MAILER_PATH USENET_MAILER_FLAGS " +
  "USENET_MAILER_ARGS USENET_MAILER_MAX UUCP_MAILER_PATH UUCP_MAILER_FLAGS UUCP_MAILER_ARGS UUCP_MAILER_MAX UUCP_MAILER_CHARSET " +
  "UUCP_MAX_SIZE FAX_MAILER_PATH FAX_MAILER_ARGS FAX_MAILER_MAX POP_MAILER_PATH POP_MAILER_FLAGS POP_MAILER_ARGS MAIL11_MAILER_PATH " +
  "MAIL11_MAILER_FLAGS MAIL11_MAILER_ARGS PH_MAILER_PATH PH_MAILER_FLAGS PH_MAILER_ARGS CYRUS_MAILER_PATH CYRUS_MAILER_FLAGS " +
  "CYRUS_MAILER_ARGS CYRUS_MAILER_MAX CYRUS_MAILER_USER CYRUS_BB_MAILER_FLAGS CYRUS_BB_MAILER_ARGS CYRUSV2_MAILER_FLAGS " +
  "CYRUSV2_MAILER_ARGS CYRUSV2_MAILER_MAXMSGS CYRUSV2_MAILER_MAXRCPTS CYRUSV2_MAILER_CHARSET QPAGE_MAILER_PATH QPAGE_MAILER_FLAGS " +
  "QPAGE_MAILER_ARGS QPAGE_MAILER_MAX DECNET_SYNTAX"
).split(" ");

/** Those among them that change what somebody sees, with what becomes of it. */
export const NOTED_DEFINES: Readonly<Record<string, string>> = {
  confRELAY_MSG: "clients that may not relay get Sendmail's own text",
  confRCPTREJ_MSG: "barred recipients get Sendmail's own text",
  confFROM_HEADER: "headers that are added have a form of their own",
  confMESSAGEID_HEADER: "headers that are added have a form of their own",
  confRECEIVED_HEADER: "headers that are added have a form of their own",
  confSMTP_MAILER: "mail for other hosts goes by ESMTP",
  confLOCAL_MAILER: "only the mailer local is looked at",
  confRELAY_MAILER: "mail for other hosts goes by ESMTP",
  LOCAL_MAILER_MAX: "mailboxes take messages of any size",
  SMTP_MAILER_MAX: "messages of any size go to other hosts",
};

/** Defines that no Sendmail since 8.11 takes, and what to write instead. */
export const OLD_DEFINES: Readonly<Record<string, string>> = {
  confDEF_GROUP_ID: "write `user:group' into confDEF_USER_ID",
  confREAD_TIMEOUT: "write confTO_… for each timeout",
  confDAEMON_OPTIONS: "write DAEMON_OPTIONS(`…')",
  confCLIENT_OPTIONS: "write CLIENT_OPTIONS(`…')",
};
