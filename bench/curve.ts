/**
 * What a server delivers, and how long it lets its clients wait, over more and more connections, as a plot.
 */
import { type Plot, type PlotPoint, writePlot } from "./plot.ts";
import type { Column } from "./report.ts";
import { CURVE, type Metric, type SmtpFigures } from "./smtp-scenarios.ts";
import { median } from "./statistics.ts";

/** The plot of a run over {@link CURVE}. */
export function curvePlot(
  figures: SmtpFigures,
  columns: readonly Column[],
  notes: readonly string[],
): string {
  const lines = (metric: Metric, dashed: boolean) =>
    columns.map(({ name, version }) => ({
      name: `${name} ${version}`.trim(),
      dashed,
      points: points(figures, name, metric),
    }));
  const plot: Plot = {
    title: "Mail into mboxes over SMTP: 10 KiB, a message a connection, 50 mailboxes",
    notes,
    x: { title: "connections at once", ticks: CURVE.map(({ connections }) => connections) },
    panels: [
      { title: "Messages delivered a second", scale: "linear", series: lines("delivered", false) },
      {
        title: "Time from MAIL to the 250 of a message, ms: median, and dashed the 99th percentile",
        scale: "log",
        series: [...lines("median", false), ...lines("p99", true)],
      },
    ],
  };
  return writePlot(plot);
}

function points(figures: SmtpFigures, peer: string, metric: Metric): PlotPoint[] {
  return CURVE.flatMap(({ id, connections }) => {
    const all = (figures.get(id)?.get(peer) ?? []).flatMap((one) => one[metric] ?? []);
    if (all.length === 0) return [];
    return [{ x: connections, y: median(all), low: Math.min(...all), high: Math.max(...all) }];
  });
}
