/**
 * Writes a plot as SVG: panels above each other that share a logarithmic x axis, each with its own linear or logarithmic y axis, lines
 * with markers that differ in shape as well as in colour, and a legend. It is readable on a light and on a dark page (the colours
 * follow `prefers-color-scheme`), needs no font of its own and nothing from elsewhere.
 */

/** A value with the range that it was found in. */
export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

/** A line. Lines of one name have one colour in all panels. */
export interface PlotSeries {
  readonly name: string;
  readonly dashed?: boolean;
  readonly points: readonly PlotPoint[];
}

/** One y axis and what is drawn over it. */
export interface PlotPanel {
  readonly title: string;
  readonly scale: "linear" | "log";
  readonly series: readonly PlotSeries[];
}

/** A whole picture. */
export interface Plot {
  readonly title: string;
  /** Lines below the title. */
  readonly notes: readonly string[];
  readonly x: { readonly title: string; readonly ticks: readonly number[] };
  readonly panels: readonly PlotPanel[];
}

const WIDTH = 880;
const LEFT = 76;
const RIGHT = 28;
const PANEL = 300;
/** From the lower edge of a panel to the upper one of the next. */
const GAP = 62;

/** Six colours that are told apart by most eyes, on white and on nearly black. */
const COLOURS = [
  ["#0b62d6", "#6cb2ff"],
  ["#c2410c", "#ff9d5c"],
  ["#15803d", "#5fd68b"],
  ["#9333a8", "#dd92f0"],
  ["#a16207", "#e6c34a"],
  ["#0f766e", "#57d3c6"],
] as const;

type Shape = (x: number, y: number) => string;
const SHAPES: readonly Shape[] = [
  (x, y) => `<circle cx="${at(x)}" cy="${at(y)}" r="4"/>`,
  (x, y) => `<rect x="${at(x - 3.6)}" y="${at(y - 3.6)}" width="7.2" height="7.2"/>`,
  (x, y) => polygon([x, y - 5], [x + 4.8, y + 3.6], [x - 4.8, y + 3.6]),
  (x, y) => polygon([x, y - 5], [x + 5, y], [x, y + 5], [x - 5, y]),
  (x, y) => polygon([x, y + 5], [x + 4.8, y - 3.6], [x - 4.8, y - 3.6]),
  (x, y) => polygon([x - 5, y - 3], [x + 5, y - 3], [x + 5, y + 3], [x - 5, y + 3]),
];

function polygon(...points: readonly (readonly [number, number])[]): string {
  return `<polygon points="${points.map(([x, y]) => `${at(x)},${at(y)}`).join(" ")}"/>`;
}

/** A coordinate; a tenth of a pixel is as fine as anybody sees. */
function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);
}

/** Page, ink, lesser ink, grid, axes: light and dark. */
const PAPER = [
  ["#ffffff", "#1f2328", "#59636e", "#e3e6ea", "#8b949e"],
  ["#0d1117", "#e6edf3", "#9198a1", "#262c34", "#6e7681"],
] as const;

/** Rules that name every colour: not every program that shows SVG knows variables. */
function colours(side: 0 | 1, count: number): string {
  const [page, ink, soft, grid, axis] = PAPER[side];
  return [
    `.page{fill:${page}}text{fill:${ink}}.soft{fill:${soft}}.grid{stroke:${grid}}.axis{stroke:${axis}}.mark{stroke:${page}}`,
    ...COLOURS.slice(0, count).map(
      ({ [side]: colour }, i) =>
        `.s${i} .line,.s${i} .range{stroke:${colour}}.s${i} .mark{fill:${colour}}.dashed.s${i} .mark{fill:${page};stroke:${colour}}`,
    ),
  ].join("");
}

function style(count: number): string {
  return `<style>
text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:13px}
.title{font-size:18px;font-weight:600}.soft{font-size:12px}.panel{font-size:14px;font-weight:600}
.grid,.axis{stroke-width:1;fill:none}.line{fill:none;stroke-width:2;stroke-linejoin:round}.first .line{stroke-width:3}
.dashed .line{stroke-dasharray:6 4;stroke-width:1.6}.mark{stroke-width:1.2}.dashed .mark{stroke-width:1.6}.range{stroke-width:1.2}
${colours(0, count)}
@media (prefers-color-scheme:dark){${colours(1, count)}}
</style>`;
}

/** The picture. */
export function writePlot({ title, notes, x, panels }: Plot): string {
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))];
  if (names.length > COLOURS.length) throw new Error(`a plot has at most ${COLOURS.length} names`);
  const head = 44 + notes.length * 17;
  const top = head + 72;
  const height = top + panels.length * PANEL + (panels.length - 1) * GAP + 58;
  const toX = logScale(x.ticks, LEFT + 14, WIDTH - RIGHT - 14);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="t">`,
    `<title id="t">${escapeXml([title, ...notes].join(". "))}</title>`,
    style(names.length),
    `<rect width="${WIDTH}" height="${height}" class="page"/>`,
    `<text class="title" x="${LEFT}" y="34">${escapeXml(title)}</text>`,
    ...notes.map((note, i) => `<text class="soft" x="${LEFT}" y="${54 + i * 17}">${escapeXml(note)}</text>`),
    legend(names, head + 18),
    ...panels.map((panel, i) =>
      drawPanel(panel, { names, toX, ticks: x.ticks, top: top + i * (PANEL + GAP) }),
    ),
    `<text x="${at((LEFT + WIDTH - RIGHT) / 2)}" y="${height - 16}" text-anchor="middle">${escapeXml(x.title)}</text>`,
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function legend(names: readonly string[], y: number): string {
  let x = LEFT;
  return names
    .map((name, i) => {
      const entry = `<g class="s${i}${i === 0 ? " first" : ""}"><path class="line" d="M${x} ${y}h26"/><g class="mark">${SHAPES[i]!(x + 13, y)}</g><text x="${x + 33}" y="${y + 4.5}">${escapeXml(name)}</text></g>`;
      x += 33 + Math.ceil(name.length * 7.6) + 18;
      return entry;
    })
    .join("\n");
}

interface Frame {
  readonly names: readonly string[];
  readonly toX: (x: number) => number;
  readonly ticks: readonly number[];
  readonly top: number;
}

function drawPanel({ title, scale, series }: PlotPanel, { names, toX, ticks, top }: Frame): string {
  const values = series.flatMap(({ points }) => points.flatMap(({ y, low = y, high = y }) => [y, low, high]));
  const yTicks = scale === "linear" ? linearTicks(Math.max(...values)) : logTicks(values);
  const bottom = top + PANEL;
  const toY =
    scale === "linear" ? (y: number) => bottom - (y / yTicks.at(-1)!) * PANEL : logScale(yTicks, bottom, top);
  const right = WIDTH - RIGHT;
  const parts = [`<text class="panel" x="${LEFT}" y="${top - 14}">${escapeXml(title)}</text>`];
  for (const tick of yTicks) {
    const y = at(toY(tick));
    parts.push(`<path class="grid" d="M${LEFT} ${y}H${right}"/>`);
    parts.push(
      `<text class="soft" x="${LEFT - 8}" y="${at(toY(tick) + 4)}" text-anchor="end">${number(tick)}</text>`,
    );
  }
  for (const tick of ticks) {
    const x = at(toX(tick));
    parts.push(`<path class="grid" d="M${x} ${top}V${bottom}"/>`);
    parts.push(`<text class="soft" x="${x}" y="${bottom + 18}" text-anchor="middle">${number(tick)}</text>`);
  }
  parts.push(`<path class="axis" d="M${LEFT} ${top}V${bottom}H${right}" fill="none"/>`);
  // The first name is drawn last, over the others.
  for (const line of series.toSorted((a, b) => names.indexOf(b.name) - names.indexOf(a.name))) {
    parts.push(drawSeries(line, names.indexOf(line.name), toX, toY));
  }
  return parts.join("\n");
}

function drawSeries(
  { points, dashed }: PlotSeries,
  index: number,
  toX: (x: number) => number,
  toY: (y: number) => number,
): string {
  const path = points.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${at(toX(x))} ${at(toY(y))}`).join("");
  const ranges = points.map(({ x, y, low = y, high = y }) =>
    high > low ? `<path class="range" d="M${at(toX(x))} ${at(toY(low))}V${at(toY(high))}"/>` : "",
  );
  const marks = points.map(({ x, y }) => SHAPES[index]!(toX(x), toY(y)));
  const classes = `s${index}${index === 0 ? " first" : ""}${dashed ? " dashed" : ""}`;
  return `<g class="${classes}"><path class="line" d="${path}"/>${ranges.join("")}<g class="mark">${marks.join("")}</g></g>`;
}

/** Maps the least of the ticks to `from` and the greatest to `to`, by their logarithms. */
function logScale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const [least, greatest] = [Math.log(Math.min(...ticks)), Math.log(Math.max(...ticks))];
  return (value) => from + ((Math.log(value) - least) / (greatest - least || 1)) * (to - from);
}

/** From 0 by steps of 1, 2 or 5 times a power of ten, four to eight of them, to at least `most`. */
export function linearTicks(most: number): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10, 20].map((n) => n * power).find((n) => n >= rough)!;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** 1, 2 and 5 times powers of ten around all values; only the powers when that would be too many. */
export function logTicks(values: readonly number[]): number[] {
  const positive = values.filter((value) => value > 0);
  if (positive.length === 0) return [1, 10];
  const [least, greatest] = [Math.min(...positive), Math.max(...positive)];
  const all: number[] = [];
  // One power more on both sides, for a logarithm is rounded.
  const [lowest, highest] = [Math.floor(Math.log10(least)) - 1, Math.ceil(Math.log10(greatest)) + 1];
  for (let power = lowest; power <= highest; power++) {
    for (const n of [1, 2, 5]) all.push(Number((n * 10 ** power).toPrecision(3)));
  }
  const from = all.findLastIndex((tick) => tick <= least);
  const to = all.findIndex((tick) => tick >= greatest);
  const around = all.slice(Math.max(0, from), to < 0 ? all.length : Math.max(to, from + 1) + 1);
  if (around.length <= 12) return around;
  return around.filter(
    (tick, i) => i === 0 || i === around.length - 1 || /^10*$|^0\.0*1$/.test(String(tick)),
  );
}

function number(value: number): string {
  return value >= 10_000 ? value.toLocaleString("en") : String(value);
}
