/**
 * The program of the helper that checks passwords as root: `node password-helper-main.js ROOT UID GID`.
 *
 * What it has to say goes to standard output, one line a fault. It reads the settings when it starts and at each line of
 * standard input, and ends with code 0 when that ends, which is when the launcher does.
 */
import { systemClock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { loadSettings } from "../settings/load.ts";
import { siteAt } from "../site.ts";
import { followPasswd } from "./passwd-following.ts";
import { servePasswords } from "./password-helper.ts";
import { openSystemPasswords, type SystemPasswords } from "./system-passwords.ts";

const [root = "/", uid, gid] = process.argv.slice(2);
const site = siteAt(root);
const say = (text: string) => void process.stdout.write(`${text.replace(/\s+/g, " ")}\n`);
process.title = "mailhost: passwords";
// Signals of a terminal are for the launcher, whose end ends us.
process.on("SIGINT", () => undefined).on("SIGHUP", () => undefined);
process.stdout.on("error", () => undefined);

const passwd = followPasswd(site, (fault) => say(fault.message));
const accountOf = (name: string) => passwd.current().get(name);
let blockUid = 0;
let passwords: SystemPasswords | undefined;
function load(): void {
  try {
    const settings = loadSettings(site);
    blockUid = settings.pop3.blockUid;
    const usesSystem = settings.accounts.includes("system");
    const onFault = (fault: Error) => say(fault.message);
    passwords = usesSystem
      ? openSystemPasswords(site, settings.system, { onFault, clock: systemClock, accountOf, isHelper: true })
      : undefined;
  } catch (error) {
    say(`the old settings stay: ${messageOf(error)}`);
  }
}
load();
process.stdin.on("data", load).on("end", () => process.exit(0));

await servePasswords(site, {
  clock: systemClock,
  passwords: () => passwords,
  accountOf,
  blockUid: () => blockUid,
  onFault: say,
  ...(uid === undefined || gid === undefined ? {} : { owner: { uid: Number(uid), gid: Number(gid) } }),
});
say("ready");
