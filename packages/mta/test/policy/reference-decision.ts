/**
 * Who may send what to whom, told a second time: slowly, step by step, from the text of the semantics (access map, look-up routines,
 * the relay decision in order, delay_checks), with nothing of the product's code. What both say is right or wrong together.
 *
 * A table is an object, a class an array, a verdict a string: `accept`, `discard`, `hold REASON`, or the reply.
 */

/** A host, in the words of sendmail.cf. */
export interface World {
  readonly access: Readonly<Record<string, string>>;
  readonly w: readonly string[];
  readonly R: readonly string[];
  readonly m: readonly string[];
  readonly j: string;
  readonly drac: readonly string[];
  readonly features: ReadonlySet<string>;
}

/** One dialogue: who calls, from whom, to whom. */
export interface Dialogue {
  readonly ip: string;
  /** Empty: `${client_name}` is the address in brackets. */
  readonly name: string;
  readonly resolve: "OK" | "FAIL" | "FORGED" | "TEMP";
  readonly from: string;
  readonly fromDomain: "OK" | "TEMP" | "PERM";
  readonly to: string;
  readonly helo: string;
}

type Mark = "+" | "!";
const NOTHING = "?";

/** The access map: a key or nothing. */
function access(world: World, key: string): string {
  return world.access[key.toLowerCase()] ?? NOTHING;
}

/** With the tag, and for mark `+` without it. */
function oneKey(world: World, tag: string, mark: Mark, key: string): string {
  const tagged = access(world, `${tag}:${key}`);
  if (tagged !== NOTHING) return tagged;
  return mark === "+" && key !== "" ? access(world, key) : NOTHING;
}

function D(world: World, tag: string, mark: Mark, domain: string): string {
  const here = oneKey(world, tag, mark, domain);
  if (here === "SKIP") return NOTHING;
  if (here !== NOTHING) return here;
  if (domain.startsWith("[")) {
    const dot = domain.lastIndexOf(".");
    return dot < 0 ? NOTHING : D(world, tag, mark, `${domain.slice(0, dot)}]`);
  }
  const dot = domain.indexOf(".");
  if (dot < 0) return NOTHING;
  const rest = domain.slice(dot + 1);
  if (world.features.has("lookupdotdomain")) {
    const dotted = oneKey(world, tag, mark, `.${rest}`);
    if (dotted === "SKIP") return NOTHING;
    if (dotted !== NOTHING) return dotted;
  }
  return D(world, tag, mark, rest);
}

function A(world: World, tag: string, mark: Mark, ip: string): string {
  const here = oneKey(world, tag, mark, ip);
  if (here === "SKIP") return NOTHING;
  if (here !== NOTHING) return here;
  const dot = ip.lastIndexOf(".");
  return dot < 0 ? NOTHING : A(world, tag, mark, ip.slice(0, dot));
}

function F(world: World, tag: string, mark: Mark, user: string, at: string): string {
  const tries = [`${user}@${at}`];
  const plus = user.indexOf("+");
  if (plus > 0) tries.push(`${user.slice(0, plus)}+*@${at}`, `${user.slice(0, plus)}@${at}`);
  for (const key of tries) {
    const value = oneKey(world, tag, mark, key);
    if (value !== NOTHING) return value;
  }
  return NOTHING;
}

/** The first of several searches that finds anything. */
function searchList(...searches: (() => string)[]): string {
  for (const search of searches) {
    const value = search();
    if (value !== NOTHING) return value;
  }
  return NOTHING;
}

/** What a value asks for, with REJECT's words; undefined: nothing. */
function outcome(value: string, rejected: string): string | undefined {
  if (value === NOTHING || value === "SKIP") return undefined;
  if (value === "OK" || value === "RELAY") return "accept";
  if (value === "REJECT") return rejected;
  if (value === "DISCARD") return "discard";
  if (value.startsWith("QUARANTINE:")) return `hold ${value.slice("QUARANTINE:".length)}`;
  const error = value.replace(/^ERROR:/, "");
  const full = /^(\d\.\d\.\d):(\d\d\d) (.*)$/.exec(error);
  if (full !== null) return `${full[2]} ${full[1]} ${full[3]}`;
  const short = /^(\d)(\d\d) (.*)$/.exec(error);
  if (short !== null) return `${short[1]}${short[2]} ${short[1]}.0.0 ${short[3]}`;
  return `553 5.3.0 ${error}`;
}

/** A reply is about an address with the codes 450, 550 and 553 only. */
function told(reply: string, address: string): string {
  return /^(450|550|553) /.test(reply) ? reply.replace(/^(\S+ \S+) /, `$1 <${address}>... `) : reply;
}

const isReply = (verdict: string) => /^\d\d\d /.test(verdict);
const split = (address: string): [string, string] => {
  const at = address.lastIndexOf("@");
  return at < 0 ? [address, ""] : [address.slice(0, at), address.slice(at + 1)];
};
const clientName = (d: Dialogue) => (d.name === "" ? `[${d.ip}]` : d.name);

/** check_relay. The last word tells an entry OK or RELAY from no entry at all. */
export function checkRelay(world: World, d: Dialogue): string {
  const value = searchList(
    () => D(world, "connect", "+", clientName(d)),
    () => A(world, "connect", "+", d.ip),
  );
  const said = outcome(value, "550 5.7.1 Access denied");
  if (said !== undefined) return said;
  if (world.features.has("require_rdns") && !inNetwork(world.R, d.ip)) {
    if (d.resolve === "FAIL") return `550 5.7.1 Fix reverse DNS for ${d.ip}`;
    if (d.resolve === "TEMP") return `451 4.1.8 Client IP address ${d.ip} does not resolve`;
    if (d.resolve === "FORGED") return `451 4.1.8 Possibly forged hostname for ${d.ip}`;
  }
  return "accept";
}

/** check_mail, not yet told about an address; `accept by entry` is Sendmail's `$#`. */
export function checkMail(world: World, d: Dialogue): string {
  if (d.from === "") return "accept";
  const [user, host] = split(d.from);
  const unqualifiedOk = world.features.has("accept_unqualified_senders");
  if (host === "localhost" && !unqualifiedOk && !world.w.includes(clientName(d)) && !here(d))
    return "553 5.5.4 Real domain name required for sender address";
  const value =
    host === ""
      ? F(world, "from", "+", user, "")
      : searchList(
          () => F(world, "from", "+", user, host),
          () => F(world, "from", "+", user, ""),
          () => D(world, "from", "+", host),
        );
  const said = outcome(value, "550 5.7.1 Access denied");
  if (said !== undefined) return said === "accept" ? "accept by entry" : said;
  if (host === "")
    return unqualifiedOk || here(d)
      ? "accept"
      : `553 5.5.4 Domain name required for sender address ${d.from}`;
  if (world.features.has("accept_unresolvable_domains") || host === world.j) return "accept";
  if (d.fromDomain === "TEMP") return `451 4.1.8 Domain of sender address ${d.from} does not resolve`;
  if (d.fromDomain === "PERM") return `553 5.1.8 Domain of sender address ${d.from} does not exist`;
  return "accept";
}

/** check_rcpt with everything. */
export function checkRcpt(world: World, d: Dialogue): string {
  const first = rcptAlone(world, d);
  if (first !== "accept") return first;
  if (!world.features.has("delay_checks")) return "accept";
  const [user, domain] = split(d.to);
  const host = domain === "" ? world.j : domain;
  const fh = searchList(
    () => F(world, "spam", "!", user, host),
    () => D(world, "spam", "!", host),
    () => (domain === "" || world.w.includes(host) ? F(world, "spam", "!", user, "") : NOTHING),
  );
  if (world.features.has("friend") && fh === "FRIEND") return "accept";
  if (world.features.has("hater") && fh !== "HATER") return "accept";
  const mail = checkMail(world, d);
  if (mail === "accept by entry") return "accept";
  const last = mail === "accept" ? checkRelay(world, d) : mail;
  return isReply(last) ? told(last, d.to) : last;
}

/** The recipient's own entry, then the relay decision. */
function rcptAlone(world: World, d: Dialogue): string {
  const [user, host] = split(d.to);
  const local = host === "" || world.w.includes(host);
  let held: string | undefined;
  if (world.features.has("blocklist_recipients")) {
    const value = searchList(
      () => (host === "" ? NOTHING : F(world, "to", "+", user, host)),
      () => (local ? F(world, "to", "+", user, "") : NOTHING),
      () => (host === "" ? NOTHING : D(world, "to", "+", host)),
    );
    const said = outcome(value, "550 5.2.1 Mailbox disabled for this recipient");
    if (said === "discard") return said;
    if (said !== undefined && isReply(said)) return told(said, d.to);
    if (said?.startsWith("hold ") === true) held = said;
  }
  const relay = mayRelay(world, d, user, host, local);
  // Unlike there, an entry that holds a message is no permission to relay it.
  if (relay !== "accept") return told(relay, d.to);
  return held ?? "accept";
}

/** Steps 4 to 18 of the relay decision. */
function mayRelay(world: World, d: Dialogue, user: string, host: string, local: boolean): string {
  const has = (feature: string) => world.features.has(feature);
  const hostsOnly = has("relay_hosts_only");
  if (has("promiscuous_relay")) return "accept";
  if (local) return "accept"; // 4, 8
  if (has("relay_entire_domain") && world.m.some((m) => within(m, host))) return "accept";
  if (world.R.some((r) => (hostsOnly ? r === host : within(r, host)))) return "accept"; // 5
  const to = hostsOnly
    ? searchList(
        () => (has("relaytofulladdress") ? access(world, `to:${user}@${host}`) : NOTHING),
        () => access(world, `to:${host}`),
        () => access(world, host),
      )
    : searchList(
        () => (has("relaytofulladdress") ? F(world, "to", "+", user, host) : NOTHING),
        () => D(world, "to", "+", host),
        () => (has("relaytofulladdress") ? oneKey(world, "to", "+", `${user}@`) : NOTHING),
      );
  if (to === "RELAY") return "accept"; // 6
  if (here(d)) return "accept"; // 9
  if (inNetwork(world.R, d.ip)) return "accept"; // 10
  if (world.drac.includes(d.ip)) return "accept"; // 11
  if (A(world, "connect", "+", d.ip) === "RELAY") return "accept"; // 12
  if (world.w.includes(`[${d.ip}]`)) return "accept"; // 13
  const [fromUser, fromHost] = split(d.from); // 14
  if (fromHost !== "" && has("relay_local_from") && world.w.includes(fromHost)) return "accept";
  if (fromHost !== "" && has("relay_mail_from")) {
    const from = searchList(
      () => F(world, "from", "!", fromUser, fromHost),
      () =>
        !has("relay_mail_from domain")
          ? NOTHING
          : hostsOnly
            ? access(world, `from:${fromHost}`)
            : D(world, "from", "!", fromHost),
    );
    if (from === "RELAY") return "accept";
  }
  if (has("name errors")) {
    // 15
    if (d.resolve === "TEMP")
      return `450 4.4.0 Relaying temporarily denied. Cannot resolve PTR record for ${d.ip}`;
    if (d.resolve === "FORGED") return `550 5.7.1 Relaying denied. IP name possibly forged [${d.ip}]`;
    if (d.resolve === "FAIL") return `550 5.7.1 Relaying denied. IP name lookup failed [${d.ip}]`;
  }
  if (d.resolve === "OK" && d.name !== "") {
    if (has("relay_entire_domain") && world.m.some((m) => within(m, d.name))) return "accept"; // 16
    if (world.w.includes(d.name)) return "accept";
    if (world.R.some((r) => (hostsOnly ? r === d.name : within(r, d.name)))) return "accept";
    const connect = hostsOnly ? oneKey(world, "connect", "+", d.name) : D(world, "connect", "+", d.name);
    if (connect === "RELAY") return "accept"; // 17
  }
  return "550 5.7.1 Relaying denied"; // 18
}

function here(d: Dialogue): boolean {
  return d.ip === "127.0.0.1" || d.ip === "::1";
}

function within(domain: string, name: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/** Whole octets from the left. */
function inNetwork(networks: readonly string[], ip: string): boolean {
  return networks.some((n) => ip === n || ip.startsWith(`${n}.`));
}
