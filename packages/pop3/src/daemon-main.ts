/** The program of the pop3 child process. */
import { runDaemon } from "@mailhost/common/daemon/child";
import { shareSocketClasses } from "@mailhost/common/daemon/socket-classes";
import { start } from "./daemon.ts";

shareSocketClasses();
await runDaemon("pop3", "popper", start);
