/**
 * Assembles the inner loops that are WebAssembly, those of the mbox scanner, of both encoders and of the decoder of message data, into the TypeScript files that the
 * build takes up: `node test/assemble.mjs` writes them, `assembled()` is what one should be.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const kernel = (folder, name) => ({
  name,
  source: new URL(`../packages/${folder}/${name}.wat`, import.meta.url),
  target: new URL(`../packages/${folder}/${name}-bytes.ts`, import.meta.url),
});

/** The kernels; each one's `target` is what follows from its source. */
export const SCAN_KERNEL = kernel("common/src/mbox", "scan-kernel");
export const STORE_KERNEL = kernel("common/src/mbox", "store-kernel");
export const ENCODE_KERNEL = kernel("pop3/src/protocol", "encode-kernel");
export const DATA_KERNEL = kernel("mta/src/inbound", "data-kernel");

/** The text of a kernel's target as it follows from its source. */
export async function assembled({ name, source }) {
  const parsed = (await wabt()).parseWat(`${name}.wat`, readFileSync(source, "utf8"), { simd: true });
  try {
    const base64 = Buffer.from(parsed.toBinary({}).buffer).toString("base64");
    const lines = base64.match(/.{1,100}/g).map((line) => `  "${line}",`);
    return [
      "/**",
      ` * ${name}.wat, assembled by \`node test/assemble.mjs\`: WebAssembly as base64. Do not change by hand.`,
      " */",
      "",
      "/** The module. */",
      `export const ${name.toUpperCase().replace("-", "_")}: readonly string[] = [`,
      ...lines,
      "];",
      "",
    ].join("\n");
  } finally {
    parsed.destroy();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const each of [SCAN_KERNEL, STORE_KERNEL, ENCODE_KERNEL, DATA_KERNEL])
    writeFileSync(each.target, await assembled(each));
}
