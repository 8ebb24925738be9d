/**
 * A session's client as policy sees it, put together anew only when something of it has changed.
 */
import type { Authenticated, Client } from "../policy/policy-facts.ts";
import { offeredMechanisms } from "./auth-offer.ts";
import type { SmtpSession } from "./smtp-session.ts";

type Draft = { -readonly [K in keyof Client]: Client[K] };

/** The client of one session. */
export class KnownClient {
  readonly #session: SmtpSession;
  readonly #mayAuthenticate: () => boolean;
  #checked: Client | undefined;
  #helo: string | false = false;
  #auth: Authenticated | undefined;
  #client: Client | undefined;

  constructor(session: SmtpSession) {
    this.#session = session;
    this.#mayAuthenticate = () => offeredMechanisms(session).length > 0;
  }

  /** The same object as long as nothing has changed. */
  get(): Client {
    const session = this.#session;
    const { client: checked } = session.check;
    const { auth, hostNameAppearsAs: helo } = session;
    const same = this.#checked === checked && this.#helo === helo && this.#auth === auth;
    if (this.#client !== undefined && same) return this.#client;
    this.#checked = checked;
    this.#helo = helo;
    this.#auth = auth;
    // Member by member, so that all have one shape. Whether it may authenticate is asked by refusals alone: it takes a look at files.
    const { ip, name, rate, connections, nameless, listed, submits } = checked;
    const client: Draft = { ip, name, mayAuthenticate: this.#mayAuthenticate };
    if (rate !== undefined) client.rate = rate;
    if (connections !== undefined) client.connections = connections;
    if (nameless !== undefined) client.nameless = nameless;
    if (listed !== undefined) client.listed = listed;
    if (submits !== undefined) client.submits = submits;
    if (helo !== false) client.helo = helo;
    if (auth !== undefined) client.auth = auth;
    this.#client = client;
    return client;
  }
}
