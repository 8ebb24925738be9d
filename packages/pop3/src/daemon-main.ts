/** The program of the pop3 child process. */
import { runDaemon } from "@mailhost/common/daemon/child";
import { start } from "./daemon.ts";

await runDaemon("pop3", "popper", start);
