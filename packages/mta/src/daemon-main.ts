/** The program of the mta child process. */
import { runDaemon } from "@mailhost/common/daemon/child";
import { start } from "./daemon.ts";

await runDaemon("mta", "sendmail", start);
