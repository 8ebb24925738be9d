/** Cuts the power at chosen moments of a recording and judges what is left. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomFrom } from "../corpus/random.ts";
import { checkDisk } from "./after-power-loss.ts";
import { Disk } from "./disk.ts";
import type { Recording } from "./recorded-host.ts";

/** How a recording is gone through. */
export interface ReplayPlan {
  readonly seed: number;
  /** Of all moments at which something became certain or was promised, one in so many is a cut. */
  readonly oneIn: number;
  /** Told of some images besides, so that a host can be started on them; they are removed behind it. */
  onImage?(root: string, at: number): Promise<void>;
  /** How many of them. */
  readonly images?: number;
}

/** @returns how many moments there were, and at how many the power was cut; each once with nothing and once with parts surviving */
export async function replay(
  recording: Recording,
  plan: ReplayPlan,
): Promise<{ moments: number; cuts: number }> {
  const { root, before, calls, promised } = recording;
  const random = randomFrom(plan.seed);
  const disk = new Disk(root, before);
  const folder = mkdtempSync(join(tmpdir(), "mailhost-power-"));
  const promises = promised.map(({ at }) => at).toSorted((a, b) => a - b);
  let [moments, cuts, images] = [0, 0, 0];
  const cut = async (at: number, what: string) => {
    if (moments++ % plan.oneIn !== plan.seed % plan.oneIn) return;
    cuts++;
    for (const survival of ["nothing", { random }] as const) {
      const image = join(folder, `${cuts}`);
      disk.losePower(image, survival);
      const how = survival === "nothing" ? "nothing" : "parts";
      await checkDisk(
        image,
        at,
        recording,
        `cut ${moments} (${what}), ${how} of what was not synced left, seed ${plan.seed}`,
      );
      rmSync(image, { recursive: true, force: true });
    }
  };
  try {
    const every = Math.max(1, Math.floor(calls.length / ((plan.images ?? 0) + 1)));
    for (const [n, call] of calls.entries()) {
      while (promises[0] !== undefined && promises[0] < call.ended) {
        const at = promises.shift()!;
        await cut(at, "a promise");
      }
      if (disk.apply(call)) await cut(call.ended, `${call.name} ${call.arguments[0]}`);
      if (plan.onImage !== undefined && images < (plan.images ?? 0) && n > 0 && n % every === 0) {
        images++;
        const image = join(folder, `image-${images}`);
        disk.losePower(image, "nothing");
        await plan.onImage(image, call.ended);
        rmSync(image, { recursive: true, force: true });
      }
    }
    return { moments, cuts };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
