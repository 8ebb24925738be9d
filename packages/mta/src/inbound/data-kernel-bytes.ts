/**
 * data-kernel.wat, assembled by `node test/assemble.mjs`: WebAssembly as base64. Do not change by hand.
 */

/** The module. */
export const DATA_KERNEL: readonly string[] = [
  "AGFzbQEAAAABBwFgAn9/AX8CEAEEZGF0YQZtZW1vcnkCAAEDAgEABwkBBXBsYWluAAAKlQEBkgEBA38CQANAIAAgAU8NASAA/QAA",
  "AEEK/Q/9I/1kIQIgAgRAIAIgAEEBa/0AAABBDf0P/SP9ZEH//wNzIAD9AAABQS79D/0j/WRycSEDIAMEQCADaCEDIAQgAkEBIAN0",
  "QQFrcWlqIQRBACAENgIAIAAgA2oPCyAEIAJpaiEECyAAQRBqIQAMAAsLQQAgBDYCACABCw==",
];
