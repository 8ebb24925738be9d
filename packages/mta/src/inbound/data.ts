/**
 * DATA: the message itself. The `250` is sent when message and envelope are on stable storage, and not before.
 */
import type { TLSSocket } from "node:tls";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import { tlsFacts } from "@mailhost/common/tls/tls-facts";
import {
  type AcceptedBy,
  isLogged,
  logAccepted,
  logOwners,
  logQueued,
  priorityOf,
} from "../log/message-log.ts";
import { reply } from "../policy/reply.ts";
import { precedenceOf } from "../queue/precedence.ts";
import type { NewMessage, QueueEntry } from "../queue/queue-entry.ts";
import { senderUser } from "../recipients/local-sender.ts";
import { DataParser } from "./data-parser.ts";
import { freeMemory } from "./free-memory.ts";
import { type HeaderRules, messageIdOf } from "./header-filter.ts";
import { recipientParts } from "./inbound-parts.ts";
import { type Intake, LostInputError, storageReply, type Taken, takeMessage } from "./receive-message.ts";
import { protocolName, type ReceivedFacts, receivedHeader } from "./received-header.ts";
import { logDiscarded, logLostInput, logRefusedMessage } from "./smtp-log.ts";
import type { SmtpSession } from "./smtp-session.ts";
import { BLIND_FIELDS, fromAddress, missingFields } from "./submission-fields.ts";
import { expandedAddresses, queueRecipients, type Transaction } from "./transaction.ts";

export function data(session: SmtpSession): void | Promise<void> {
  const { transaction } = session;
  if (transaction === undefined || transaction.recipients.size === 0) {
    const missing = transaction === undefined ? "Need MAIL command" : "Need RCPT (recipient)";
    return session.replyWrong(reply(503, "5.0.0", missing));
  }
  const parser = session._parser;
  if (parser === false) return undefined;
  const stream = parser.startDataMode();
  session._dataStream = stream;
  session.takingMessage = true;
  session.reply(reply(354, "", "End data with <CR><LF>.<CR><LF>"));
  session.listener.replyTurn.hurry(() => session.flushReplies());
  // The command is done: the parser goes on to the data while the message is taken in.
  const lines = parser instanceof DataParser ? () => parser.lines : undefined;
  void takeAndReply(session, transaction, stream, lines).catch((error: unknown) => {
    session.inbound.log.write("error", `session with ${session.relayText}: ${messageOf(error)}`);
    const failed = () => finish(session, reply(451, "4.3.0", "Local error in processing; try again later"));
    if (stream.readableEnded) failed();
    else stream.once("end", failed).resume();
  });
  return undefined;
}

/** @param lines counts the line ends of the content so far; undefined: nobody does yet */
async function takeAndReply(
  session: SmtpSession,
  transaction: Transaction,
  stream: AsyncIterable<Buffer>,
  lines: (() => number) | undefined,
): Promise<void> {
  const { log } = session.inbound;
  try {
    const intake = intakeOf(session, transaction);
    if (lines !== undefined) intake.lines = lines;
    const taken = await takeMessage(stream, intake);
    const { reply: answer, afterwards } = await settle(session, transaction, taken);
    finish(session, answer, afterwards);
  } catch (error) {
    if (!(error instanceof LostInputError)) throw error;
    session.takingMessage = false;
    logLostInput(log, error.id, transaction.sender, session.relayText);
  }
}

/** Fields that the log and the order of the queue go by. */
const KEPT: ReadonlySet<string> = new Set(["message-id", "precedence"]);

/** What is done with the header of a message that only passes through. */
const RULES: HeaderRules = { keep: KEPT };

function intakeOf(session: SmtpSession, transaction: Transaction): Draft<Intake> {
  const { settings, store, clock } = session.inbound;
  const { hostname, smtp } = settings();
  const given = (id: string) => ({
    hostname,
    id,
    from: `<${fromAddress(transaction.sender, hostname)}>`,
    now: clock.now(),
  });
  const first = transaction.recipients.values().next().value?.address ?? "";
  const intake: Draft<Intake> = {
    store,
    maxSize: smtp.maxMessageSize,
    maxHops: smtp.maxHops,
    route: `from <${transaction.sender}> via ${session.clientName?.name || session.remoteAddress}, to <${first}>`,
    doneWith: freeMemory,
    trace: (id: string) => traceOf(session, transaction, id),
    header: (id: string): HeaderRules =>
      isSubmission(session)
        ? { keep: KEPT, drop: BLIND_FIELDS, missing: (seen) => missingFields(seen, given(id)) }
        : RULES,
  };
  if (session.queueId !== undefined) intake.id = session.queueId;
  return intake;
}

/** Our Received field. */
function traceOf(session: SmtpSession, transaction: Transaction, id: string): string {
  const { settings, clock } = session.inbound;
  const { hostname, auth } = settings();
  const facts: Draft<ReceivedFacts> = {
    helo: session.hostNameAppearsAs || "",
    client: session.relayText,
    authenticated: session.auth !== undefined,
    hidesClient: session.auth !== undefined && auth.hideClientAddress,
    hostname,
    protocol: protocolOf(session, transaction),
    id,
    now: clock.now(),
  };
  if (session.secure) facts.tls = tlsFacts(session._socket as TLSSocket);
  const [only, more] = transaction.recipients.values();
  if (only !== undefined && more === undefined) facts.recipient = only.address;
  return receivedHeader(facts);
}

/** A message from its author, which may lack what a message must have; all others are passed on as they are. */
function isSubmission(session: SmtpSession): boolean {
  return session.listener.kind !== "smtp" || session.auth !== undefined;
}

/** What the client is told, and what is done once it has been. */
interface Settled {
  readonly reply: SmtpReply;
  readonly afterwards?: () => void;
}

/** Commits the message, or drops it, or says why not. */
async function settle(session: SmtpSession, transaction: Transaction, taken: Taken): Promise<Settled> {
  const { log } = session.inbound;
  const { sender, discard } = transaction;
  if (taken.kind === "refused") {
    if (taken.cause !== undefined)
      log.write("error", `${taken.id}: cannot be stored: ${messageOf(taken.cause)}`);
    const { maxMessageSize } = session.inbound.settings().smtp;
    if (taken.size > maxMessageSize && isLogged(log, 7)) {
      log.write("info", `${taken.id}: message size (${taken.size}) exceeds maximum (${maxMessageSize})`);
    }
    logRefusedMessage(log, taken.id, sender, session.relayText, taken.reply);
    return { reply: taken.reply };
  }
  const { id } = taken.writer;
  // The log has the sender as it was given, with or without a domain.
  const given = session.sender?.given ?? sender;
  const accepted = reply(250, "2.0.0", `${id} Message accepted for delivery`);
  if (discard !== undefined) {
    await taken.writer.abort();
    const recipients = [...transaction.recipients.keys()];
    const dropped = {
      ...messageOfSession(session, transaction, taken),
      id,
      size: taken.writer.size,
      recipients,
      sender: given,
    };
    logDiscarded(log, dropped, acceptedBy(session));
    return { reply: accepted };
  }
  let entry: QueueEntry;
  try {
    entry = await commit(session, transaction, taken);
  } catch (cause) {
    log.write("error", `${id}: cannot be stored: ${messageOf(cause)}`);
    await taken.writer.abort();
    return { reply: storageReply(cause) };
  }
  // What the log calls the message is what the session knows of it now.
  const by = acceptedBy(session);
  return {
    reply: accepted,
    afterwards() {
      logAccepted(log, given === entry.sender ? entry : { ...entry, sender: given }, by);
      logOwners(log, entry, session.inbound.settings().hostname);
      if (entry.nextAttemptAt > entry.receivedAt || entry.quarantine !== undefined)
        logQueued(log, entry, session.inbound.clock.now());
      else session.inbound.submitted(entry);
      renewDrac(session);
    },
  };
}

/** The name that the log has for the port, and who has logged in. */
function acceptedBy({ listener, auth }: SmtpSession): AcceptedBy {
  const daemon = listener.kind === "smtp" ? "MTA" : "MSA";
  return { daemon, ...(auth === undefined ? {} : { account: auth.account }) };
}

function commit(
  session: SmtpSession,
  transaction: Transaction,
  taken: Extract<Taken, { kind: "stored" }>,
): Promise<QueueEntry> {
  return taken.writer.commit(messageOfSession(session, transaction, taken));
}

/** Envelope and origin of a message that has come in whole. */
function messageOfSession(
  session: SmtpSession,
  transaction: Transaction,
  taken: Extract<Taken, { kind: "stored" }>,
): NewMessage {
  const { inbound } = session;
  const { precedence } = precedenceOf(taken.seen);
  const recipients = queueRecipients(transaction.recipients.values(), transaction.sender);
  const priority = priorityOf({
    size: taken.countedSize,
    recipients,
    attempts: 0,
    precedence: precedence ?? 0,
  });
  const { sender } = transaction;
  // Put together step by step: a literal of conditional parts, which this was, costs ten times as much.
  const { bodyType, smtputf8 } = transaction.parameters;
  const message: Draft<NewMessage> = {
    bodyType,
    smtputf8,
    sender,
    countedSize: taken.countedSize,
    recipients,
    origin: {
      ip: session.remoteAddress,
      hostname: session.clientName?.name ?? "",
      helo: session.hostNameAppearsAs || "",
      protocol: protocolOf(session, transaction),
    },
  };
  addParameters(message, transaction.parameters);
  const user = senderUser(recipientParts(inbound), sender, `<${session.sender?.given ?? sender}>`);
  if (user !== undefined) message.senderUser = user;
  const expanded = expandedAddresses(transaction.recipients.values());
  if (expanded.length > 0) message.expanded = expanded;
  if (transaction.quarantine !== undefined) message.quarantine = transaction.quarantine;
  if (precedence !== undefined) message.precedence = precedence;
  if (inbound.load?.onlyQueues(priority) === true)
    message.firstAttemptAt = inbound.clock.now() + inbound.settings().queue.interval;
  const messageId = messageIdOf(taken.seen) ?? givenMessageId(session, taken);
  if (messageId !== undefined) message.messageId = messageId;
  return message;
}

/** What MAIL asked for besides. */
function addParameters(
  message: Draft<NewMessage>,
  { bodyTypeGiven, dsnReturn, envelopeId, authSender }: Transaction["parameters"],
): void {
  if (bodyTypeGiven !== undefined) message.bodyTypeGiven = bodyTypeGiven;
  if (dsnReturn !== undefined) message.dsnReturn = dsnReturn;
  if (envelopeId !== undefined) message.envelopeId = envelopeId;
  if (authSender !== undefined) message.authSender = authSender;
}

/** What is still being put together. */
type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** The id that {@link missingFields} gave to a submission without one. */
function givenMessageId(session: SmtpSession, taken: Extract<Taken, { kind: "stored" }>): string | undefined {
  return !isSubmission(session) || taken.seen.names.has("message-id")
    ? undefined
    : `<${taken.writer.id}@${session.inbound.settings().hostname}>`;
}

/** Each accepted message lets a POP-before-SMTP client send for another while. */
function renewDrac(session: SmtpSession): void {
  const drac = session.inbound.drac();
  const entry = drac?.permits(session.remoteAddress);
  if (drac === undefined || entry === undefined) return;
  drac.record(entry.ip, entry.user).catch((error: unknown) => {
    session.inbound.log.write("warn", `drac: ${entry.ip} cannot be renewed: ${messageOf(error)}`);
  });
}

/**
 * Sends the reply after the data and goes on with the next command.
 *
 * @param afterwards done while the client reads the reply; what fails there changes nothing for a message that is in the queue
 */
function finish(session: SmtpSession, r: SmtpReply, afterwards?: () => void): void {
  session.takingMessage = false;
  session._dataStream = false;
  session.reply(r);
  session.flushReplies();
  try {
    afterwards?.();
  } catch (error) {
    session.inbound.log.write("error", `session with ${session.relayText}: ${messageOf(error)}`);
  }
  session.endTransaction();
  if (session.listener.draining) session.drain();
  if (session._parser !== false) session._parser.continue();
}

function protocolOf(session: SmtpSession, transaction: Transaction): string {
  return protocolName(
    session.openingCommand === "EHLO",
    transaction.parameters.smtputf8,
    session.secure,
    session.auth !== undefined,
  );
}
