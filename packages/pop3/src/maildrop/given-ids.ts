/**
 * What the server before this one called a message, so that its clients do not fetch all mail again (pop3.uidFormat).
 *
 * X-UIDL is Qpopper's own field. The others are made of what IMAP servers write into an mbox: X-UID, and the folder's
 * UIDVALIDITY in the X-IMAPbase or X-IMAP field of its first message.
 */
import type { OtherIdentity } from "@mailhost/common/mbox/found-messages";
import type { Naming } from "./mailbox-index.ts";

/** The id that a message came with; undefined when its header tells none. */
export function givenId(message: OtherIdentity, { format, uidValidity }: Naming): string | undefined {
  const { uidl, oldStyleId, imapUid } = message;
  if (format === "default") return uidl;
  if (format === "qpopper") return uidl ?? oldStyleId;
  if (imapUid === undefined || imapUid === 0 || uidValidity === 0) return uidl;
  switch (format) {
    // Dovecot's documentation, pop3_uidl_format; digits as Dovecot 2.3 writes them.
    case "dovecot":
      return hex(imapUid) + hex(uidValidity);
    case "uw":
      return hex(uidValidity) + hex(imapUid);
    case "courier":
      return `${uidValidity}-${imapUid}`;
    case "cyrus":
      return `${uidValidity}.${imapUid}`;
  }
}

function hex(number: number): string {
  return number.toString(16).padStart(8, "0");
}
