/**
 * The thread that scans parts of large mailboxes: each part is answered with the messages that start in it.
 */
import { parentPort } from "node:worker_threads";
import { type ScanPart, scanPart } from "./scan-part.ts";

parentPort?.on("message", (part: ScanPart) => {
  const columns = scanPart(part);
  parentPort?.postMessage(columns, [columns.numbers, columns.digests]);
});
