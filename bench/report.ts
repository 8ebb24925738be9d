/**
 * The figures of a run as Markdown tables.
 */
import type { DiskRow } from "./disk.ts";
import type { Pop3Row } from "./pop3.ts";
import { METRICS, type Metric, SMTP_SCENARIOS, type SmtpFigures } from "./smtp-scenarios.ts";
import { digits, times, timesAhead } from "./statistics.ts";
import { smtpMedian, type Verdict } from "./targets.ts";

/** A peer as the head of a column. */
export interface Column {
  readonly name: string;
  readonly version: string;
}

/** A table, its columns as wide as they need. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |\n`;
  return [line(head), line(widths.map((n) => "-".repeat(n))), ...rows.map(line), "\n"].join("");
}

const SHOWN: readonly Metric[] = ["delivered", "accepted", "median", "p99", "wait", "processor", "memory"];

/** A table a metric: scenarios by peers, each with how many times mailhost is ahead of it. */
export function smtpTables(figures: SmtpFigures, columns: readonly Column[]): string {
  const scenarios = SMTP_SCENARIOS.filter(({ id }) => figures.has(id));
  return SHOWN.map((metric) => {
    const { title, more } = METRICS[metric];
    const shown = columns.filter(({ name }) =>
      scenarios.some(({ id }) => !Number.isNaN(smtpMedian(figures, id, name, metric))),
    );
    const rows = scenarios.map(({ id, title: scenario }) => {
      const mine = smtpMedian(figures, id, "mailhost", metric);
      return [
        scenario,
        ...shown.map(({ name }) => {
          const value = smtpMedian(figures, id, name, metric);
          const ahead = name === "mailhost" ? "" : times(timesAhead(mine, value, more));
          return ahead === "" ? digits(value) : `${digits(value)} (${ahead})`;
        }),
      ];
    });
    return `**${title}**\n\n${table(["", ...shown.map(heading)], rows)}`;
  }).join("");
}

/** Loss of any peer, in words; "" without any. */
export function lossWords(figures: SmtpFigures): string {
  const lines: string[] = [];
  for (const [id, peers] of figures) {
    for (const [name, all] of peers) {
      const lost = all.reduce((sum, { unaccounted = 0 }) => sum + unaccounted, 0);
      if (lost > 0)
        lines.push(`- ${name}, ${id}: ${lost} messages were accepted and not delivered once within 15 s\n`);
    }
  }
  return lines.length === 0 ? "" : `${lines.join("")}\n`;
}

/** Disk calls a message. */
export function diskTable(rows: readonly DiskRow[], columns: readonly Column[]): string {
  const version = new Map(columns.map((column) => [column.name, heading(column)]));
  return table(
    ["server", "connections", "forced to the disk", "of which, and changes of folders"],
    rows.map(({ peer, connections, forced, parts, atFullSpeed }) => [
      version.get(peer) ?? peer,
      String(connections),
      forced.toFixed(2),
      atFullSpeed
        ? "at full speed, without strace"
        : Object.entries(parts)
            .map(([name, n]) => `${name} ${n.toFixed(2)}`)
            .join(", "),
    ]),
  );
}

/** POP3 scenarios by peers. */
export function pop3Table(rows: readonly Pop3Row[], columns: readonly Column[]): string {
  return table(
    ["scenario", "unit", ...columns.map(heading)],
    rows.map(({ scenario, unit, medians }) => {
      const more = unit === "MiB/s" || unit === "a second";
      return [
        scenario,
        unit,
        ...columns.map(({ name }) => {
          const value = medians[name] ?? Number.NaN;
          const ahead =
            name === "mailhost" ? "" : times(timesAhead(medians.mailhost ?? Number.NaN, value, more));
          return ahead === "" ? digits(value) : `${digits(value)} (${ahead})`;
        }),
      ];
    }),
  );
}

/** What was to be reached, and whether it was. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  return table(
    ["target", "wanted", "found", "met"],
    verdicts.map(({ target, wanted, found, met }) => [
      target,
      wanted,
      found,
      met === undefined ? "not measured" : met ? "yes" : "**no**",
    ]),
  );
}

function heading({ name, version }: Column): string {
  return `${name} ${version}`.trim();
}
