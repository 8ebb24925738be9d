/**
 * Puts what the two hosts did in one case beside each other, and names each thing in which they differ.
 */
import type { Delivery, Observed } from "./observed.ts";

/** One thing in which they differ. */
export interface Difference {
  readonly site: string;
  readonly case: string;
  /** `reply to RCPT`, `deliveries`, `header From`, `log to stat`, `exit code` … */
  readonly what: string;
  /** What Sendmail did; "" is nothing. */
  readonly sendmail: string;
  readonly mailhost: string;
}

/** All differences of a case. */
export function differences(
  where: { site: string; case: string },
  sendmail: Observed,
  mailhost: Observed,
): Difference[] {
  const found: Difference[] = [];
  const differ = (what: string, a: string | undefined, b: string | undefined) => {
    if (a !== b) found.push({ ...where, what, sendmail: a ?? "", mailhost: b ?? "" });
  };
  for (let i = 0; i < Math.max(sendmail.replies.length, mailhost.replies.length); i++) {
    const to = (sendmail.replies[i] ?? mailhost.replies[i])!.to;
    const verb = /^[A-Za-z]{4}\b|^\(\w+\)$|^connect$|^STARTTLS$/.exec(to)?.[0]?.toUpperCase() ?? "other";
    const [a, b] = [shown(sendmail, i), shown(mailhost, i)];
    if (verb === "EHLO") compareExtensions(a, b, differ);
    else differ(`reply to ${verb}`, a, b);
  }
  compareDeliveries(sendmail.deliveries, mailhost.deliveries, differ);
  compareLogs(sendmail.log, mailhost.log, differ);
  differ("exit code", text(sendmail.exit), text(mailhost.exit));
  differ("stdout", sendmail.stdout, mailhost.stdout);
  differ("stderr", sendmail.stderr, mailhost.stderr);
  return found;
}

const text = (code: number | undefined) => (code === undefined ? undefined : String(code));

type Differ = (what: string, a: string | undefined, b: string | undefined) => void;

function shown(observed: Observed, i: number): string | undefined {
  return observed.replies[i]?.reply.replace(/\b[0-9A-Za-x]{8}\d{6}\b/g, "QID");
}

/** Extensions come in any order (RFC 5321 section 4.1.1.1), and each that only one of them offers is a difference of its own. */
function compareExtensions(a: string | undefined, b: string | undefined, differ: Differ): void {
  const [x, y] = [lines(a), lines(b)];
  differ("reply to EHLO", x[0], y[0]);
  for (const offer of new Set([...x.slice(1), ...y.slice(1)])) {
    const [of, from] = [x.includes(offer), y.includes(offer)];
    if (of !== from) differ("extension of EHLO", of ? offer : "", from ? offer : "");
  }
}

function lines(reply: string | undefined): string[] {
  return (reply ?? "")
    .split("\n")
    .map((line, i) => (i === 0 ? line.replace(/^250[- ]/, "250 ") : line.slice(4)));
}

function compareDeliveries(a: readonly Delivery[], b: readonly Delivery[], differ: Differ): void {
  const places = (all: readonly Delivery[]) => all.map((d) => `${d.where}: ${d.envelope}`).join("\n");
  differ("deliveries", places(a), places(b));
  if (places(a) !== places(b)) return;
  for (const [i, one] of a.entries()) {
    const other = b[i]!;
    const names = new Set([...one.header, ...other.header].map(fieldName));
    for (const name of names) {
      const of = (all: readonly string[]) =>
        all
          .filter((line) => fieldName(line) === name)
          .map((line) => fieldName(line) + line.slice(name.length))
          .join("\n");
      differ(`header ${name}`, of(one.header), of(other.header));
    }
    differ(
      "order of the header",
      [...one.header.map(fieldName)].join(" "),
      other.header.map(fieldName).join(" "),
    );
    if (isReport(one) && isReport(other)) compareReports(one, other, differ);
    else differ("body", one.body.join("\n"), other.body.join("\n"));
  }
}

const fieldName = (line: string) => line.slice(0, Math.max(line.indexOf(":"), 0)).toLowerCase();

const isReport = (d: Delivery) => d.header.some((line) => /report-type=delivery-status/.test(line));

/** Of a report: what is for machines, and the lines of Sendmail's form; what is told to people has words of its own. */
function compareReports(a: Delivery, b: Delivery, differ: Differ): void {
  const parts = (d: Delivery) => d.body.filter((line) => /^Content-Type:/i.test(line)).join("\n");
  differ("parts of the report", parts(a), parts(b));
  const fields = (d: Delivery) =>
    d.body
      .filter((line) =>
        /^(?:Reporting-MTA|Received-From-MTA|Original-Envelope-Id|Original-Recipient|Final-Recipient|X-Actual-Recipient|Action|Status|Remote-MTA|Diagnostic-Code|DSN-Gateway|Will-Retry-Until):/.test(
          line,
        ),
      )
      .join("\n");
  differ("fields of the report", fields(a), fields(b));
  const transcript = (d: Delivery) => {
    const from = d.body.findIndex((line) => line.startsWith("   -----"));
    const to = d.body.findIndex((line, i) => i > from && line.startsWith("--"));
    return from < 0
      ? ""
      : d.body
          .slice(from, to < 0 ? undefined : to)
          .join("\n")
          .trimEnd();
  };
  differ("transcript of the report", transcript(a), transcript(b));
}

/** Log lines field by field, by the kind of line: `from`, `to`, `ruleset`, and the rest as they are. */
function compareLogs(a: readonly string[], b: readonly string[], differ: Differ): void {
  const kinds = new Set([...a, ...b].map(logKind));
  for (const kind of kinds) {
    const of = (all: readonly string[]) => all.filter((line) => logKind(line) === kind);
    const left = of(b).flatMap(oneEach);
    const lonely: string[] = [];
    for (const line of of(a).flatMap(oneEach)) {
      const partner = take(left, (other) => logKey(other) === logKey(line));
      if (partner === undefined) lonely.push(line);
      else compareFields(kind, line, partner, differ);
    }
    // What is left may be the same thing under another name.
    for (const line of lonely) {
      const partner = take(left, (other) => kind !== "other" && alikeBut(line, other));
      if (partner === undefined) differ(`log ${kind}`, line, undefined);
      else compareFields(kind, line, partner, differ);
    }
    for (const line of left) differ(`log ${kind}`, undefined, line);
  }
}

/** Sendmail names several recipients of one delivery in one line. */
function oneEach(line: string): string[] {
  const [, before, all, after] =
    /^(\S+ to=)((?:"[^"]*"|[^",])+(?:,(?:"[^"]*"|[^", ])+)+)(, .*)$/.exec(line) ?? [];
  if (all === undefined) return [line];
  return [...all.matchAll(/(?:"[^"]*"|[^",])+/g)].map(([one]) => `${before}${one}${after}`);
}

function take(from: string[], wanted: (line: string) => boolean): string | undefined {
  const at = from.findIndex(wanted);
  return at < 0 ? undefined : from.splice(at, 1)[0];
}

/** Two lines that tell the same of two recipients. */
function alikeBut(line: string, other: string): boolean {
  const [x, y] = [logFields(line), logFields(other)];
  return ["ruleset", "mailer", "stat", "dsn", "reject"].every((name) => x.get(name) === y.get(name));
}

function compareFields(kind: string, line: string, partner: string, differ: Differ): void {
  const [x, y] = [logFields(line), logFields(partner)];
  for (const name of new Set([...x.keys(), ...y.keys()])) {
    if (!TIMES.has(name)) differ(`log ${kind} ${name}`.trim(), x.get(name), y.get(name));
  }
}

/** What a line is about; two lines of one kind about the same belong together. */
function logKey(line: string): string {
  const fields = logFields(line);
  if (logKind(line) === "from") return "";
  const to = fields
    .get("to")
    ?.replace(/^<(.*)>$/, "$1")
    .replace(/^\\+/, "")
    .toLowerCase();
  const local = fields.get("mailer") === "local" ? to?.replace(/@.*/, "") : to;
  return `${fields.get("ruleset") ?? ""} ${fields.get("arg1") ?? local ?? line.replace(LOG_ID, "")}`;
}

/** How long a thing took, and what follows from it. */
const TIMES = new Set(["delay", "xdelay", "pri"]);

/** `QID: `, `NOQUEUE: ` or nothing at the start of a line. */
const LOG_ID = /^(?:\w{14}|QID|NOQUEUE): /;

function logKind(line: string): string {
  const text = line.replace(LOG_ID, "");
  return /^(from|to|ruleset)=/.exec(text)?.[1] ?? (/\.\.\. /.test(text) ? "refusal" : "other");
}

function logFields(line: string): Map<string, string> {
  const fields = line.replace(LOG_ID, "").split(/, (?=[a-z]\w*=)/);
  const named = fields.map((field): [string, string] => [
    field.slice(0, Math.max(0, field.indexOf("="))),
    field.slice(field.indexOf("=") + 1),
  ]);
  return new Map([["id", LOG_ID.exec(line)?.[0].trim() ?? ""], ...named]);
}
