/** The program of the mta child process. */
import { runDaemon } from "@mailhost/common/daemon/child";
import { start } from "./daemon.ts";
import { limitHeapGrowth } from "./heap-growth.ts";

limitHeapGrowth();

await runDaemon("mta", "sendmail", start);
