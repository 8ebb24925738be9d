/** The calls that are made to fail: each kind on each file that matters, at its first calls, and all of them for a while. */
import type { FailingCall } from "./failing-host.ts";

const QUEUE = "var/spool/mqueue/queue.mdb";
const ACCEPTED = "var/spool/mqueue/accepted/1.seg";
const LARGE = "var/spool/mqueue/large";
const MAILBOX = "var/spool/mail/wang";
const JOURNAL = "var/lib/mailhost/journal/wang";

const KINDS: readonly (Omit<FailingCall, "error" | "when"> & { readonly errors: readonly string[] })[] = [
  { process: "mta", call: "pwritev", path: ACCEPTED, errors: ["ENOSPC", "EIO", "EDQUOT"] },
  { process: "mta", call: "pwrite64", path: QUEUE, errors: ["ENOSPC", "EIO", "EDQUOT"] },
  { process: "mta", call: "writev", path: QUEUE, errors: ["ENOSPC", "EIO"] },
  { process: "mta", call: "fdatasync", path: QUEUE, errors: ["EIO", "ENOSPC"] },
  { process: "mta", call: "fsync", path: LARGE, errors: ["EIO"] },
  { process: "mta", call: "openat", path: MAILBOX, errors: ["EACCES", "EMFILE", "EROFS"] },
  { process: "mta", call: "pwrite64", path: MAILBOX, errors: ["ENOSPC", "EDQUOT", "EIO"] },
  { process: "mta", call: "fdatasync", path: MAILBOX, errors: ["EIO"] },
  { process: "mta", call: "openat", path: JOURNAL, errors: ["EACCES", "EMFILE", "EROFS"] },
  { process: "mta", call: "pwrite64", path: JOURNAL, errors: ["ENOSPC", "EIO"] },
  { process: "mta", call: "ftruncate", path: JOURNAL, errors: ["EIO"] },
  { process: "pop3", call: "openat", path: MAILBOX, errors: ["EACCES", "EMFILE"] },
  { process: "pop3", call: "pwrite64", path: MAILBOX, errors: ["ENOSPC", "EIO"] },
  { process: "pop3", call: "ftruncate", path: MAILBOX, errors: ["EIO", "EROFS"] },
  { process: "pop3", call: "fsync", path: MAILBOX, errors: ["EIO"] },
  { process: "pop3", call: "pwrite64", path: JOURNAL, errors: ["ENOSPC", "EDQUOT"] },
  { process: "pop3", call: "fsync", path: JOURNAL, errors: ["EIO"] },
];

/** All of them. */
export function failingCalls(): FailingCall[] {
  return KINDS.flatMap(({ errors, ...kind }) =>
    errors.flatMap((error) => ["1", "2", "3", "5", "1+"].map((when) => ({ ...kind, error, when }))),
  );
}
