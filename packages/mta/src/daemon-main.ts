/** The program of the mta child process. */
import { setFlagsFromString } from "node:v8";
import { runDaemon } from "@mailhost/common/daemon/child";
import { start } from "./daemon.ts";

// What is read from sockets lies outside the heap, is garbage at once, and counts as the heap's growth: by default a few large
// messages cost a full collection each time. More than twice would keep garbage for 40 MiB longer. An engine that does not know the
// flag goes on without.
setFlagsFromString("--heap-growing-percent=100");

await runDaemon("mta", "sendmail", start);
