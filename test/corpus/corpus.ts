/**
 * The corpus: over 200 messages that are awkward for SMTP, for an mbox or for POP3, the same ones in every run.
 */
import { mimeMessages } from "./mime-messages.ts";
import { randomMessages } from "./random-messages.ts";
import { specialMessages } from "./special-messages.ts";

/** A message as a client sends it, before dot-stuffing. */
export interface CorpusMessage {
  /** Says what is awkward about it. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** All of them. */
export function corpus(seed = 20_261_124): readonly CorpusMessage[] {
  return [...specialMessages(), ...mimeMessages(), ...randomMessages(seed, 130)];
}

/**
 * What must come back, trace headers aside: every byte as it went in, except by rule that a bare LF is a line end, the last
 * line ends, and a body without a header gets the empty line that keeps it a body.
 */
export function asFetched(sent: Buffer): Buffer {
  const sentText = sent.toString("latin1");
  const ended = sentText.endsWith("\r\n") ? sentText : `${sentText}\r\n`;
  const text = ended.replaceAll(/(?<!\r)\n/g, "\r\n");
  const firstLine = text.slice(0, text.indexOf("\r\n"));
  if (text === "\r\n" || firstLine === "") return Buffer.from(text, "latin1");
  return Buffer.from(/^[!-9;-~]+[ \t]*:/.test(firstLine) ? text : `\r\n${text}`, "latin1");
}

/** What must reach another host: as fetched, but a CR that is no line end is a blank, which no peer takes for one. */
export function asRelayed(sent: Buffer): Buffer {
  return Buffer.from(
    asFetched(sent)
      .toString("latin1")
      .replaceAll(/\r(?!\n)/g, " "),
    "latin1",
  );
}

/** A fetched message without the Return-Path and Received fields that the host put on top; undefined when they are not there. */
export function withoutTrace(fetched: Buffer): Buffer | undefined {
  const text = fetched.subarray(0, 2000).toString("latin1");
  const trace = /^Return-Path: <[^>]*>\r\nReceived: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/.exec(text);
  return trace === null ? undefined : fetched.subarray(trace[0].length);
}
