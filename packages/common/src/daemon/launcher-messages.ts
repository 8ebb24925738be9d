/**
 * What the launcher and its two child processes say to each other over the IPC channel.
 *
 * Everything is plain JSON. The launcher speaks first (`start`), the child answers `ready` or `failed`.
 */
import type { Settings } from "../settings/settings.ts";
import type { Certificate } from "../tls/certificate.ts";

/**
 * The kinds of listeners, in the order in which the ready line names them. `drac` takes DRAC's calls on TCP, `dracudp` and
 * `dracudp6` on UDP: whoever inherits a UDP socket must know its family.
 */
export const LISTENER_KINDS = [
  "smtp",
  "submission",
  "smtps",
  "pop3",
  "pop3s",
  "drac",
  "dracudp",
  "dracudp6",
] as const;

/** One of {@link LISTENER_KINDS}. */
export type ListenerKind = (typeof LISTENER_KINDS)[number];

/** From the launcher to a child. */
export type LauncherMessage =
  /**
   * The first message: where the site is, its checked settings, the inherited descriptors by kind, and the certificates with their
   * keys, which the child may have no right to read.
   */
  | {
      readonly type: "start";
      readonly root: string;
      readonly settings: Settings;
      readonly listeners: Readonly<Record<string, readonly number[]>>;
      readonly certificates: readonly Certificate[];
    }
  /** Other certificates; handshakes from now on have them. */
  | { readonly type: "certificates"; readonly certificates: readonly Certificate[] }
  /** New settings, already checked. */
  | { readonly type: "reload"; readonly settings: Settings }
  /** Something was put into the queue by another process. */
  | { readonly type: "wake" }
  /** `mailhost queue run`: attempt everything now, or what a selection (mta queue/selection.ts) is for. */
  | { readonly type: "run-queue"; readonly selection?: unknown }
  /** Which messages are being delivered? */
  | { readonly type: "under-way" }
  /** Take a message from the drop folder now; `number` comes back with the answer. */
  | ({ readonly type: "submission"; readonly number: number } & SubmissionOrder)
  /** Accept nothing more, let sessions finish, end. */
  | { readonly type: "stop" };

/** A message that a `sendmail` command has written into the drop folder, and for whose fate it waits. */
export interface SubmissionOrder {
  /** Name of the complete file; it stands there with a dot in front. */
  readonly drop: string;
  /** Who is told of recipients that are refused: the command, or the sender by a report. */
  readonly errorsTo: "caller" | "sender";
}

/** What became of it. */
export interface SubmissionResult {
  /** sysexits. */
  readonly exitCode: number;
  /** Lines for the caller. */
  readonly complaints: readonly string[];
  /** Queue id; absent: nothing was queued. */
  readonly id?: string;
  /** Addresses that it was queued for. */
  readonly recipients?: readonly string[];
}

/** From a child to the launcher. */
export type ChildMessage =
  /** Every listener accepts. */
  | { readonly type: "ready" }
  /** The ids of what is being delivered. */
  | { readonly type: "under-way"; readonly ids: readonly string[] }
  /** What became of a submission; no result: the file stays what it was. */
  | { readonly type: "submission"; readonly number: number; readonly result?: SubmissionResult }
  /** It could not start, and is about to end with the exit code (sysexits). */
  | { readonly type: "failed"; readonly message: string; readonly exitCode: number };
