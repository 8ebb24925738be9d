/**
 * What the server says to people, apart from what programs read: one member a reply. LANG (RFC 6856 section 3) chooses the
 * language of a session; the compiler sees to it that every language has every text.
 */

/** The human-readable texts of one language. Names and numbers come as they are shown. */
export interface Texts {
  readonly greeting: (host: string) => string;
  readonly shyGreeting: string;
  readonly signingOff: (host: string) => string;
  readonly lineTooLong: string;
  readonly unknownCommand: (verb: string) => string;
  readonly tooFewArguments: (verb: string) => string;
  readonly tooManyArguments: (verb: string) => string;
  readonly capabilityList: string;
  readonly languageListing: string;
  readonly languageChosen: string;
  readonly unknownLanguage: (tag: string) => string;
  readonly utf8Mode: string;

  readonly passwordRequired: (user: string) => string;
  readonly sayUserFirst: string;
  readonly needsTls: string;
  readonly wrongPassword: (user: string) => string;
  readonly authenticationFailed: string;
  readonly strongerNeeded: string;
  readonly strongerNeededForUser: string;
  readonly tlsOrStrongerNeeded: string;
  readonly accessDenied: (user: string) => string;
  readonly uidBlocked: (below: number) => string;
  readonly secretsWrongMode: (mode: string) => string;
  readonly secretsUnavailable: string;
  /** A directory, or whoever checks passwords, does not answer. */
  readonly accountsUnavailable: string;
  readonly saslListing: string;
  readonly unknownMechanism: (name: string) => string;
  readonly saslCancelled: string;
  readonly badBase64: string;
  readonly badSaslResponse: (reason: string) => string;
  readonly beginTls: string;
  readonly tlsIsActive: string;
  readonly noTls: string;
  readonly mailboxOpen: (user: string, messages: number, octets: number) => string;
  readonly mailboxInUse: string;
  readonly mailboxLocked: string;
  readonly mailboxBroken: string;
  readonly mailboxUnavailable: string;

  readonly listing: (messages: number, octets: number) => string;
  readonly uidListing: string;
  readonly lastSeen: (number: number) => string;
  readonly deleted: (number: number) => string;
  readonly reset: (messages: number, octets: number) => string;
  readonly noop: string;
  readonly octets: (octets: number) => string;
  readonly topFollows: string;
  readonly unknownLineCount: (word: string) => string;

  readonly unknownMessageNumber: (word: string) => string;
  readonly unknownListArgument: (word: string) => string;
  readonly noSuchMessage: (number: string) => string;
  readonly alreadyDeleted: (number: string) => string;
  readonly uidlNotANumber: (highest: number) => string;
  readonly uidlOutOfRange: (number: string) => string;
  readonly uidlDeleted: (number: string) => string;

  readonly extendedListing: string;
  readonly xlstFollows: string;
  readonly noSuchField: (word: string) => string;
  readonly startSending: string;
  readonly messageSent: string;
  readonly messageTooLarge: (octets: number) => string;
  readonly nothingToSend: string;
  readonly notSent: (reason: string) => string;
  readonly cannotSendNow: string;
  readonly mangleSyntax: string;

  readonly mailboxChanged: string;
  readonly mailboxUnreadable: string;
  readonly updateFailed: (user: string) => string;
  readonly tooManySessions: string;
  readonly tooManySessionsFromYou: string;
  /** The client's address is banned for a while. */
  readonly tooManyFailures: string;
}
