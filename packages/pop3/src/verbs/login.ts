/**
 * USER and PASS (RFC 1939 section 7): who it is, and the mailbox opened.
 *
 * Whatever is wrong, name or password, the answer is the same and as slow (RFC 2449 section 6.4 names the code).
 */
import type { Account } from "@mailhost/common/accounts/accounts";
import { domainKey, localPartKey, splitAddress } from "@mailhost/common/address";
import { messageOf } from "@mailhost/common/errors";
import { FAILURES_PER_CONNECTION } from "../auth/login-penalties.ts";
import { openMaildrop } from "../maildrop/open.ts";
import { applyOwnOptions } from "../options/own-options.ts";
import { err, ok } from "../protocol/reply.ts";
import { maildropContext, type Services } from "../services.ts";
import type { Authorization, SessionState, Transaction } from "../session-state.ts";
import { logFailedLogin, logLogin } from "./session-log.ts";
import type { Turn } from "./turn.ts";

/** USER name. */
export async function user(turn: Turn): Promise<Authorization> {
  const { output, texts, words } = turn;
  if (!turn.mayUsePassword()) {
    await output.line(err(texts.needsTls, "AUTH"));
    return { kind: "authorization" };
  }
  const name = words[0] ?? "";
  await output.line(ok(texts.passwordRequired(name)));
  return { kind: "authorization", user: name };
}

/** PASS password, which may hold spaces. */
export async function pass(turn: Turn, state: Authorization): Promise<SessionState> {
  const { services, client, output, texts } = turn;
  if (state.user === undefined) {
    await output.line(err(texts.sayUserFirst));
    return state;
  }
  if (!turn.mayUsePassword()) {
    await output.line(err(texts.needsTls, "AUTH"));
    return { kind: "authorization" };
  }
  await output.flush();
  const account = await verify(services, state.user, turn.words[0] ?? "");
  if (account === undefined) return await refuse(turn, state.user);
  services.penalties.succeeded(client.ip);
  return await open(turn, account);
}

/** The account when the password is right. A file of accounts that can not be read is nobody's wrong password. */
function verify(services: Services, user: string, password: string): Promise<Account | undefined> {
  return services.accounts().verify(mailboxName(services, user), password);
}

/** `name`, or `name@one-of-our-domains`; any other address is left whole, and nobody is called that. */
function mailboxName(services: Services, user: string): string {
  const { localPart, domain } = splitAddress(user);
  const ours =
    services.tables.localHostNames.has(domain) ||
    domainKey(domain) === domainKey(services.settings().hostname);
  return domain !== "" && ours ? localPartKey(localPart) : user.toLowerCase();
}

async function refuse(turn: Turn, user: string): Promise<SessionState> {
  const { services, client, output, texts } = turn;
  const failures = turn.loginFailed();
  logFailedLogin(turn, user);
  await turn.pause(services.penalties.failed(client.ip, failures));
  await output.line(err(texts.wrongPassword(user), "AUTH"));
  return failures < FAILURES_PER_CONNECTION ? { kind: "authorization" } : { kind: "over" };
}

async function open(turn: Turn, account: Account): Promise<SessionState> {
  const { services, output, texts } = turn;
  const { name } = account;
  turn.authenticated();
  await applyOwnOptions(turn, account);
  const opened = await openMaildrop(maildropContext(services), name);
  switch (opened.kind) {
    case "open": {
      const state: Transaction = { kind: "transaction", user: name, drop: opened.drop };
      logLogin(turn, name);
      turn.renewRelay(name);
      const { count, octets } = opened.drop;
      await greet(turn, state, ok(texts.mailboxOpen(name, count, octets)));
      return state;
    }
    case "in-use":
      await output.line(err(texts.mailboxInUse, "IN-USE"));
      return { kind: "authorization" };
    case "locked":
      await output.line(err(texts.mailboxLocked, "IN-USE"));
      return { kind: "authorization" };
    case "failed":
      services.log.write("error", `the mailbox of ${name} can not be opened: ${opened.reason}`);
      await output.line(
        opened.permanent ? err(texts.mailboxBroken, "SYS/PERM") : err(texts.mailboxUnavailable, "SYS/TEMP"),
      );
      return { kind: "authorization" };
  }
}

/** A client that went away while its mailbox was being opened must not keep it. */
async function greet({ output, services }: Turn, { drop, user }: Transaction, line: string): Promise<void> {
  try {
    await output.line(line);
  } catch (error) {
    services.log.write("debug", `${user} left during the login: ${messageOf(error)}`);
    await drop.close();
    throw error;
  }
}
