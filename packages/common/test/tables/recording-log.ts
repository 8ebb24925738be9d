/**
 * A log that keeps its lines, `level text`, for tests to look at.
 */
import type { Log } from "../../src/log/log.ts";

/** A log and the lines written to it. */
export function recordingLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    log: { write: (level, text) => void lines.push(`${level} ${text}`), close: () => Promise.resolve() },
  };
}
