/**
 * What the server says to people, apart from what programs read: one member a reply. LANG (RFC 6856 section 3) chooses the
 * language of a session; the compiler sees to it that every language has every text.
 */

/** The human-readable texts of one language. Names and numbers come as they are shown. */
export interface Texts {
  greeting(host: string): string;
  readonly shyGreeting: string;
  signingOff(host: string): string;
  readonly lineTooLong: string;
  unknownCommand(verb: string): string;
  tooFewArguments(verb: string): string;
  tooManyArguments(verb: string): string;
  readonly capabilityList: string;
  readonly languageListing: string;
  readonly languageChosen: string;
  unknownLanguage(tag: string): string;
  readonly utf8Mode: string;

  passwordRequired(user: string): string;
  readonly sayUserFirst: string;
  readonly needsTls: string;
  wrongPassword(user: string): string;
  readonly authenticationFailed: string;
  readonly strongerNeeded: string;
  readonly strongerNeededForUser: string;
  readonly tlsOrStrongerNeeded: string;
  accessDenied(user: string): string;
  uidBlocked(below: number): string;
  secretsWrongMode(mode: string): string;
  readonly secretsUnavailable: string;
  readonly saslListing: string;
  unknownMechanism(name: string): string;
  readonly saslCancelled: string;
  readonly badBase64: string;
  badSaslResponse(reason: string): string;
  readonly beginTls: string;
  readonly tlsIsActive: string;
  readonly noTls: string;
  mailboxOpen(user: string, messages: number, octets: number): string;
  readonly mailboxInUse: string;
  readonly mailboxLocked: string;
  readonly mailboxBroken: string;
  readonly mailboxUnavailable: string;

  listing(messages: number, octets: number): string;
  readonly uidListing: string;
  lastSeen(number: number): string;
  deleted(number: number): string;
  reset(messages: number, octets: number): string;
  readonly noop: string;
  octets(octets: number): string;
  readonly topFollows: string;
  unknownLineCount(word: string): string;

  unknownMessageNumber(word: string): string;
  unknownListArgument(word: string): string;
  noSuchMessage(number: string): string;
  alreadyDeleted(number: string): string;
  uidlNotANumber(highest: number): string;
  uidlOutOfRange(number: string): string;
  uidlDeleted(number: string): string;

  readonly extendedListing: string;
  readonly xlstFollows: string;
  noSuchField(word: string): string;
  readonly startSending: string;
  readonly messageSent: string;
  messageTooLarge(octets: number): string;
  readonly nothingToSend: string;
  notSent(reason: string): string;
  readonly cannotSendNow: string;
  readonly mangleSyntax: string;

  readonly mailboxChanged: string;
  readonly mailboxUnreadable: string;
  updateFailed(user: string): string;
  readonly tooManySessions: string;
  readonly tooManySessionsFromYou: string;
}
