/** The program of the mta child process. */
import { systemClock } from "@mailhost/common/clock";
import { runDaemon } from "@mailhost/common/daemon/child";
import { shareSocketClasses } from "@mailhost/common/daemon/socket-classes";
import { start } from "./daemon.ts";
import { limitHeapGrowth } from "./heap-growth.ts";
import { collectGarbage, collectWhenIdle, loopBusiness } from "./idle-collection.ts";

limitHeapGrowth();
shareSocketClasses();
collectWhenIdle({ clock: systemClock, busy: loopBusiness(), collect: collectGarbage });

await runDaemon("mta", "sendmail", start);
