/**
 * A process that fails five times and goes, as a popper of inetd's would; run by failure-file.test.ts.
 *
 * Arguments: root, address, time (ms).
 */
import { silentLog } from "../../src/log/log.ts";
import { openLoginGuard } from "../../src/login/open-login-guard.ts";
import { parseSettings } from "../../src/settings/load.ts";
import { siteAt } from "../../src/site.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

const [root = "", ip = "", now = ""] = process.argv.slice(2);
const settings = parseSettings("hostname: mail.test\n", "mailhost.yaml");
const guard = openLoginGuard(siteAt(root), {
  settings: () => settings,
  exemption: () => undefined,
  clock: new ManualClock(Number(now)),
  log: silentLog,
});
for (let n = 0; n < 5; n++) {
  guard.failed({ ip, name: "wang", service: "pop3" }, 1);
}
guard.close();
