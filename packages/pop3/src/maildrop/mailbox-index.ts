/**
 * The index of a mailbox: where its messages are, how long they are, what they are called; and the state of the file
 * for which that is true.
 */
import type { FileHandle } from "node:fs/promises";
import type { UidFormat } from "@mailhost/common/settings/pop3-settings";
import type { MessageTable } from "./message-table.ts";

/** One message. Offsets are bytes from the start of the mbox, as in scanMbox. */
export interface IndexedMessage {
  readonly start: number;
  readonly head: number;
  readonly body: number;
  readonly end: number;
  /** As POP3 sends it, no dot-stuffing. */
  readonly octets: number;
  /** 32 hexadecimal digits, scanMbox's digest. */
  readonly digest: string;
  /** Unique id (RFC 1939 section 7), unique in the mailbox. */
  readonly uid: string;
  /** A mail reader has read it: its Status field has an R. */
  readonly seen: boolean;
}

/** What tells one state of a file from another without reading it. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Programs that rewrite an mbox and put its mtime back can not put this one back. */
  readonly ctimeNs: bigint;
}

/** By what rule messages are called. */
export interface Naming {
  readonly format: UidFormat;
  /** The folder's UIDVALIDITY as its first message says it; 0 when it does not. */
  readonly uidValidity: number;
}

/** A mailbox at one moment. */
export interface MailboxIndex {
  readonly identity: FileIdentity;
  /** {@link fingerprint} of the file, 16 bytes. */
  readonly fingerprint: Buffer;
  readonly messages: MessageTable;
  /** Absent: as in the store. */
  readonly naming?: Naming;
  /** Stored by an older version, whose sizes and digests may be others: only what it calls its messages is believed. */
  readonly outdated?: true;
}

/** The identity of an open file. */
export async function identityOf(file: FileHandle): Promise<FileIdentity> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return { dev, ino, size: Number(size), mtimeNs, ctimeNs };
}

/** Whether two identities are of the same file, whatever has been done to it. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** Whether nothing was done to the file between the two. */
export function isUntouched(a: FileIdentity, b: FileIdentity): boolean {
  return isSameFile(a, b) && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}
