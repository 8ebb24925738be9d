/**
 * Qpopper's options for TLS. mailhost has TLS wherever there is a certificate, from version 1.2 on.
 */
import type { QpopperOption } from "./option-rows.ts";

const at = { where: "at-start" } as const;

/** They are settled before anybody connects. */
export const TLS_OPTIONS: readonly QpopperOption[] = [
  {
    name: "tls-support",
    kind: "mnemonic",
    words: ["default", "none", "STLS", "alternate-port"],
    ...at,
    apply(word, effects) {
      if (word === "alternate-port")
        effects.note(
          "tls-support = alternate-port: which ports speak TLS from the first octet is said by pop3.pop3s in mailhost.yaml (995), or by popper -l 2",
          "harmless",
        );
      if (word === "none" || word === "default")
        effects.note(
          "tls-support: STLS and the pop3s port are offered wherever tls.cert and tls.key are there; to be without TLS leave these files away and say tls.selfSigned: false",
          "harmless",
        );
    },
  },
  {
    name: "tls-server-cert-file",
    kind: "string",
    ...at,
    apply: (path, effects) => effects.set("tls.cert", effects.path(String(path))),
  },
  {
    name: "tls-private-key-file",
    kind: "string",
    ...at,
    apply: (path, effects) => effects.set("tls.key", effects.path(String(path))),
  },
  {
    name: "tls-passphrase",
    kind: "string",
    ...at,
    apply: (_, effects) =>
      effects.note(
        "tls-passphrase: a key with a passphrase is not used: write it without, readable for run.user alone (openssl pkey -in KEY -out NEW)",
      ),
  },
  {
    name: "tls-identity-file",
    kind: "string",
    ...at,
    apply: (_, effects) =>
      effects.note(
        "tls-identity-file: belongs to SSLPlus, which is no more; name PEM files with tls-server-cert-file and tls-private-key-file",
      ),
  },
  {
    name: "tls-cipher-list",
    kind: "string",
    ...at,
    apply: (ciphers, effects) => effects.set("tls.ciphers", String(ciphers)),
  },
  {
    name: "tls-version",
    kind: "mnemonic",
    words: ["default", "SSLv2", "SSLv3", "TLSv1", "SSLv23", "all"],
    ...at,
    apply(word, effects) {
      if (word === "default" || word === "all" || word === "SSLv23")
        effects.note("tls-version: TLS 1.2 and later are spoken, nothing older", "harmless");
      else
        effects.note(
          `tls-version = ${String(word)}: broken long ago and not spoken; TLS 1.2 and later are: remove the line`,
        );
    },
  },
  {
    name: "tls-workarounds",
    kind: "boolean",
    ...at,
    apply: (_, effects) =>
      effects.note("tls-workarounds: not needed by any client that speaks TLS 1.2", "harmless"),
  },
  {
    name: "tls-options",
    kind: "integer",
    ...at,
    apply: (_, effects) => effects.note("tls-options: bits of an old OpenSSL; not used", "harmless"),
  },
];
