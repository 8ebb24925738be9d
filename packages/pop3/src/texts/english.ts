/**
 * The texts in English: Qpopper's words wherever it has some, as scripts may look for them.
 */
import type { Texts } from "./texts.ts";

/** `3 messages`, `1 message`, `3 visible messages`. */
function messageCount(count: number, adjective = ""): string {
  return `${count} ${adjective}${count === 1 ? "message" : "messages"}`;
}

/** English. */
export const ENGLISH: Texts = {
  greeting: (host) => `mailhost POP3 server at ${host} starting.`,
  shyGreeting: "ready",
  signingOff: (host) => `Pop server at ${host} signing off.`,
  lineTooLong: "Line too long.",
  unknownCommand: (verb) => `Unknown command: "${verb}".`,
  tooFewArguments: (verb) => `Too few arguments for the ${verb} command.`,
  tooManyArguments: (verb) => `Too many arguments for the ${verb} command.`,
  capabilityList: "Capability list follows",
  languageListing: "Language listing follows:",
  languageChosen: "Replies are in English now.",
  unknownLanguage: (tag) => `Unknown language: ${tag}`,
  utf8Mode: "UTF-8 mode is on.",

  passwordRequired: (user) => `Password required for ${user}.`,
  sayUserFirst: "Say USER first.",
  needsTls:
    "You must use TLS/SSL to send a password from outside the local network: say STLS, or connect to the pop3s port",
  wrongPassword: (user) => `Password supplied for "${user}" is incorrect.`,
  authenticationFailed: "authentication failure",
  strongerNeeded: "You must use stronger authentication such as APOP to connect to this server",
  strongerNeededForUser:
    "You must use stronger authentication such as AUTH or APOP to connect to this server",
  tlsOrStrongerNeeded:
    "You must use TLS/SSL or stronger authentication such as APOP to connect to this server",
  accessDenied: (user) => `"${user}": access denied.`,
  uidBlocked: (below) => `Access is blocked for UIDs below ${below}`,
  secretsWrongMode: (mode) => `POP authentication DB has wrong mode (${mode})`,
  secretsUnavailable: "POP authentication DB not available",
  accountsUnavailable: "accounts can not be looked up now; try again later",
  saslListing: "Supported SASL mechanisms:",
  unknownMechanism: (name) => `Unknown authentication mechanism: ${name}`,
  saslCancelled: "Authentication cancelled.",
  badBase64: "Not base64.",
  badSaslResponse: (reason) => `Not a response of this mechanism: ${reason}`,
  beginTls: "Begin TLS negotiation",
  tlsIsActive: "Command not permitted when TLS active",
  noTls: "TLS is not available",
  mailboxOpen: (user, messages, octets) =>
    `${user} has ${messageCount(messages, "visible ")} (0 hidden) in ${octets} octets.`,
  mailboxInUse: "Maildrop lock busy!  Is another session active?",
  mailboxLocked: "Maildrop is locked by another program; try again.",
  mailboxBroken: "Your mailbox can not be opened; tell the postmaster.",
  mailboxUnavailable: "Your mailbox can not be opened now; try again later.",

  listing: (messages, octets) => `${messageCount(messages, "visible ")} (${octets} octets)`,
  uidListing: "uidl command accepted.",
  lastSeen: (number) => `${number} is the last message seen.`,
  deleted: (number) => `Message ${number} has been deleted.`,
  reset: (messages, octets) => `Maildrop has ${messageCount(messages)} (${octets} octets)`,
  noop: "no big woop",
  octets: (octets) => `${octets} octets`,
  topFollows: "Message follows",
  unknownLineCount: (word) => `Unknown number of lines: ${word}`,

  unknownMessageNumber: (word) => `Unknown message number: ${word}`,
  unknownListArgument: (word) => `Unknown LIST argument: ${word}`,
  noSuchMessage: (number) => `Message ${number} does not exist.`,
  alreadyDeleted: (number) => `Message ${number} has been deleted.`,
  uidlNotANumber: (highest) => `Parameter must be a number between 1 and ${highest}`,
  uidlOutOfRange: (number) => `Message ${number} out of range.`,
  uidlDeleted: (number) => `Message ${number} has been marked for deletion.`,

  extendedListing: "euidl command accepted.",
  xlstFollows: "xlst command accepted; headers coming.",
  noSuchField: (word) => `Not the name of a header field: ${word}`,
  startSending: "Start sending message.",
  messageSent: "Message sent.",
  messageTooLarge: (octets) => `Message not sent: it is larger than ${octets} octets.`,
  nothingToSend: "Message not sent: it is empty.",
  notSent: (reason) => `Message not sent: ${reason}`,
  cannotSendNow: "Message not sent; try again later.",
  mangleSyntax: "Syntax error in Mangle",

  mailboxChanged: "mailbox was changed by another program; log in again",
  mailboxUnreadable: "mailbox can not be read; try again later",
  updateFailed: (user) => `POP mailbox update for ${user} failed! Nothing was deleted.`,
  tooManySessions: "Too many sessions; try again later.",
  tooManySessionsFromYou: "Too many sessions from your address; try again later.",
  tooManyFailures: "Too many failed logins from your address; try again later.",
};
