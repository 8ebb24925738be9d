/**
 * Ends a session whose client has said QUIT.
 */
import type { SmtpSession } from "./smtp-session.ts";

/**
 * Closes the connection behind the last reply. The library closes our side only, reads on for the client's end, and closes the rest then:
 * with a client that comes again at once, that stands in the way of its next greeting. Whatever came after QUIT is not answered either way.
 */
export function hangUp(session: SmtpSession): void {
  session.flushReplies();
  const { _socket: socket, secure } = session;
  // The end of TLS is a record of its own, and what the system has not taken yet would be lost.
  if (!secure && socket.writableLength === 0 && socket.readableLength === 0) socket.destroy();
  session.close();
}
