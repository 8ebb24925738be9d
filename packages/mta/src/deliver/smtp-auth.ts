/**
 * Logs in at an SMTP server (RFC 4954) with CRAM-MD5 (RFC 2195), PLAIN (RFC 4616) or LOGIN.
 *
 * A password is shown only where nobody else can read it: PLAIN and LOGIN need TLS, unless the settings say otherwise. What
 * was sent stands in no log and no transcript. A server that does not let us in is a fault of the connection, for now: the
 * mail waits until somebody has mended the entry.
 */
import { createHmac } from "node:crypto";
import type { SmtpChannel } from "./smtp-channel.ts";
import { SmtpFault } from "./smtp-fault.ts";
import { type ServerReply, smtpReply } from "./smtp-reply.ts";

/** An entry of authinfo. */
export interface AuthInfo {
  /** `U:`, the user to act for. */
  readonly user: string;
  /** `I:`, whose password it is; most often the same. */
  readonly authId: string;
  /** `P:`. */
  readonly password: string;
  /** `M:`, in upper case; absent: whatever both sides know. */
  readonly mechanisms?: readonly string[];
}

/** What an attempt to log in needs to know. */
export interface AuthTerms {
  /** Name for messages. */
  readonly host: string;
  /** What the server offers, in upper case. */
  readonly offered: readonly string[];
  /** Nobody else reads along, or it does not matter. */
  readonly mayShowPassword: boolean;
  /** For each answer (ms). */
  readonly timeout: number;
}

/** Ours, the best first. */
const MECHANISMS = ["CRAM-MD5", "PLAIN", "LOGIN"];
const IN_THE_OPEN = new Set(["PLAIN", "LOGIN"]);

/**
 * Logs in.
 *
 * @returns the mechanism that was used
 * @throws SmtpFault with a temporary reply
 */
export async function authenticate(channel: SmtpChannel, info: AuthInfo, terms: AuthTerms): Promise<string> {
  const { host, offered, mayShowPassword, timeout } = terms;
  const common = MECHANISMS.filter(
    (mechanism) => offered.includes(mechanism) && (info.mechanisms?.includes(mechanism) ?? true),
  );
  const mechanism = common.find((one) => mayShowPassword || !IN_THE_OPEN.has(one));
  if (mechanism === undefined) {
    throw refused(
      common.length > 0
        ? `${host} takes passwords (AUTH ${common.join(" ")}) without TLS; set relay.allowPlaintextAuth to send them so`
        : `no common AUTH mechanism with ${host}, which offers ${offered.join(" ")}`,
    );
  }
  const say = async (line: string): Promise<ServerReply> => {
    await channel.write(`${line}\r\n`, "AUTH", timeout);
    return channel.reply("AUTH", timeout);
  };
  const reply = await dialogueOf(mechanism)(say, info);
  if (reply.code === 235) return mechanism;
  const said = smtpReply(reply);
  const words = [said.code, said.enhanced, said.text].filter((part) => part !== "").join(" ");
  throw refused(`AUTH ${mechanism} as ${info.authId} was refused by ${host}: ${words}`);
}

type Dialogue = (say: (line: string) => Promise<ServerReply>, info: AuthInfo) => Promise<ServerReply>;

function dialogueOf(mechanism: string): Dialogue {
  switch (mechanism) {
    case "CRAM-MD5":
      return async (say, { authId, password }) => {
        const challenge = await say("AUTH CRAM-MD5");
        if (challenge.code !== 334) return challenge;
        const digest = createHmac("md5", password).update(decoded(challenge)).digest("hex");
        return say(base64(`${authId} ${digest}`));
      };
    case "LOGIN":
      return async (say, { authId, password }) => {
        const name = await say("AUTH LOGIN");
        if (name.code !== 334) return name;
        const secret = await say(base64(authId));
        return secret.code === 334 ? say(base64(password)) : secret;
      };
    default:
      return (say, { user, authId, password }) =>
        say(`AUTH PLAIN ${base64(`${user === authId ? "" : user}\0${authId}\0${password}`)}`);
  }
}

function decoded(reply: ServerReply): Buffer {
  return Buffer.from((reply.lines[0] ?? "").trim(), "base64");
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function refused(text: string): SmtpFault {
  return new SmtpFault("AUTH", { code: 454, enhanced: "4.7.0", text });
}
