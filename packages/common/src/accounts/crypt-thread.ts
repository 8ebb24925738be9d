/**
 * The thread that checks hashes of crypt(3): each `{ password, hash }` is answered with whether it fits.
 */
import { parentPort } from "node:worker_threads";
import { fitsCrypt } from "./crypt-hash.ts";

parentPort?.on("message", ({ password, hash }: { password: string; hash: string }) => {
  parentPort?.postMessage(fitsCrypt(password, hash));
});
