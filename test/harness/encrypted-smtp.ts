/**
 * SMTP sessions that are encrypted, from the first octet or by STARTTLS, and logins in them.
 */
import { once } from "node:events";
import { type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { Connection, type Endpoint } from "./connection.ts";
import { openSmtp, type Reply, type SmtpClient, smtpOver } from "./smtp-client.ts";

/** How a session is encrypted. */
export type Encryption = "none" | "STARTTLS" | "implicit";

/** Opens a session and says EHLO, behind STARTTLS a second time. Whatever certificate there is will do. */
export async function openEncrypted(
  to: Endpoint,
  encryption: Encryption,
  options: { readonly from?: string } = {},
): Promise<SmtpClient> {
  if (encryption === "implicit") {
    const socket = tcpConnect({
      ...to,
      ...(options.from === undefined ? {} : { localAddress: options.from }),
    });
    await once(socket, "connect");
    return smtpOver(await encrypted(socket));
  }
  const plain = await openSmtp(to, options);
  if (encryption === "none") return plain;
  return startTls(plain);
}

/** STARTTLS, and EHLO anew. */
export async function startTls(plain: SmtpClient): Promise<SmtpClient> {
  const reply = await plain.command("STARTTLS");
  if (reply.code !== 220) throw new Error(`STARTTLS: ${reply.code} ${reply.text}`);
  const { socket } = plain.connection;
  socket.removeAllListeners("data");
  return smtpOver(await encrypted(socket), { greeted: true });
}

/** AUTH PLAIN in one line. */
export function logIn(client: SmtpClient, user: string, password: string): Promise<Reply> {
  return client.command(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString("base64")}`);
}

async function encrypted(socket: Socket): Promise<Connection> {
  const tls = tlsConnect({ socket, rejectUnauthorized: false });
  await once(tls, "secureConnect");
  return Connection.over(tls, 60_000);
}
