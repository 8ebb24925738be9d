/**
 * The picture of the bench: its ticks, that it is well formed, and that everything drawn is inside.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { linearTicks, logTicks, type Plot, writePlot } from "../../bench/plot.ts";

const PLOT: Plot = {
  title: 'Speed & "waits" <now>',
  notes: ["one note"],
  x: { title: "connections", ticks: [1, 10, 200] },
  panels: [
    {
      title: "messages a second",
      scale: "linear",
      series: [
        {
          name: "ours",
          points: [
            { x: 1, y: 10 },
            { x: 200, y: 3600, low: 3500, high: 3700 },
          ],
        },
        { name: "theirs", points: [{ x: 10, y: 900 }] },
      ],
    },
    {
      title: "ms",
      scale: "log",
      series: [
        {
          name: "ours",
          dashed: true,
          points: [
            { x: 1, y: 0.4 },
            { x: 200, y: 55 },
          ],
        },
      ],
    },
  ],
};

test("linear ticks begin at 0, are equally far apart, few, and reach over the greatest value", () => {
  assert.deepEqual(linearTicks(3600), [0, 1000, 2000, 3000, 4000]);
  assert.deepEqual(linearTicks(0.7), [0, 0.2, 0.4, 0.6, 0.8]);
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), (most) => {
      const ticks = linearTicks(most);
      assert.equal(ticks[0], 0);
      assert.ok(ticks.at(-1)! >= most * (1 - 1e-9) && ticks.at(-2)! < most);
      assert.ok(ticks.length >= 3 && ticks.length <= 8);
    }),
  );
});

test("logarithmic ticks are around all values, and few", () => {
  assert.deepEqual(logTicks([3, 40]), [2, 5, 10, 20, 50]);
  assert.deepEqual(logTicks([9_999_999.99999999]), [5e6, 1e7]);
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1e-3, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 20 }),
      (values) => {
        const ticks = logTicks(values);
        assert.ok(ticks[0]! <= Math.min(...values) && ticks.at(-1)! >= Math.max(...values));
        assert.ok(ticks.length >= 2 && ticks.length <= 14);
        assert.deepEqual(
          ticks,
          [...ticks].sort((a, b) => a - b),
        );
      },
    ),
  );
});

test("the picture is well-formed XML that names what it shows, for light and for dark pages", () => {
  const svg = writePlot(PLOT);
  const open: string[] = [];
  for (const [, close, name, , empty] of svg.matchAll(/<(\/?)([a-z]+)((?:\s[^<>]*?)?)(\/?)>/g)) {
    if (close) assert.equal(open.pop(), name);
    else if (!empty) open.push(name!);
  }
  assert.deepEqual(open, []);
  assert.ok(svg.includes("Speed &amp; &quot;waits&quot; &lt;now&gt;"));
  assert.ok(!/[<&]now|"waits"/.test(svg));
  for (const text of ["one note", "connections", "messages a second", "ms", "ours", "theirs"]) {
    assert.ok(svg.includes(`>${text}</text>`), text);
  }
  assert.ok(svg.includes("prefers-color-scheme:dark"));
  assert.ok(!svg.includes("NaN") && !svg.includes("undefined"));
});

test("everything that is drawn is inside the picture", () => {
  const svg = writePlot(PLOT);
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
  for (const [, x, y] of svg.matchAll(/c?x="([-\d.]+)" c?y="([-\d.]+)"/g)) {
    assert.ok(Number(x) >= 0 && Number(x) <= width! && Number(y) >= 0 && Number(y) <= height!, `${x} ${y}`);
  }
  assert.equal([...svg.matchAll(/<circle/g)].length, 1 + 2 + 2);
});

test("a line without points and a panel without values draw nothing, and are no error", () => {
  const panels = PLOT.panels.map((panel) => ({
    ...panel,
    series: panel.series.map((series) => ({ ...series, points: [] })),
  }));
  assert.ok(!writePlot({ ...PLOT, panels }).includes("NaN"));
});
