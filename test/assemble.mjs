/**
 * Assembles the mbox scanner's inner loops, scan-kernel.wat, into the TypeScript file that the build takes up:
 * `node test/assemble.mjs` writes it, `assembled()` is what it should be.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const SOURCE = new URL("../packages/common/src/mbox/scan-kernel.wat", import.meta.url);
export const TARGET = new URL("../packages/common/src/mbox/scan-kernel-bytes.ts", import.meta.url);

/** The text of scan-kernel-bytes.ts as it follows from scan-kernel.wat. */
export async function assembled() {
  const parsed = (await wabt()).parseWat("scan-kernel.wat", readFileSync(SOURCE, "utf8"), { simd: true });
  try {
    const base64 = Buffer.from(parsed.toBinary({}).buffer).toString("base64");
    const lines = base64.match(/.{1,100}/g).map((line) => `  "${line}",`);
    return [
      "/**",
      " * scan-kernel.wat, assembled by `node test/assemble.mjs`: WebAssembly as base64. Do not change by hand.",
      " */",
      "",
      "/** The module. */",
      "export const SCAN_KERNEL: readonly string[] = [",
      ...lines,
      "];",
      "",
    ].join("\n");
  } finally {
    parsed.destroy();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TARGET, await assembled());
