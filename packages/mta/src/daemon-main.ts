/** The program of the mta child process. */
import { runDaemon } from "@mailhost/common/daemon/child";
import { start } from "./daemon.ts";
import { setUsualGrowth } from "./heap-growth.ts";

setUsualGrowth();

await runDaemon("mta", "sendmail", start);
