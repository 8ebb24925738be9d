/**
 * The program of the helper that checks passwords as root: `node password-helper-main.js ROOT UID GID SOCKET`.
 *
 * What it has to say goes to standard output, one line a fault. It reads the settings when it starts and at each line of
 * standard input, and ends with code 0 when that ends, which is when the launcher does.
 */
import { rmSync } from "node:fs";
import { delay, systemClock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { loadSettings } from "../settings/load.ts";
import { siteAt } from "../site.ts";
import { followPasswd } from "./passwd-following.ts";
import { servePasswords } from "./password-helper.ts";
import { openSystemPasswords, type SystemPasswords } from "./system-passwords.ts";

/** ms until it is tried again to listen. */
const AGAIN_AFTER = 5_000;

const [root = "/", uid, gid, socket] = process.argv.slice(2);
const found = siteAt(root);
const site = socket === undefined ? found : { ...found, passwordSocket: socket };
const say = (text: string) => void process.stdout.write(`${text.replace(/\s+/g, " ")}\n`);
process.title = "mailhost: passwords";
// Signals of a terminal are for the launcher, whose end ends us.
process.on("SIGINT", () => undefined).on("SIGHUP", () => undefined);
process.stdout.on("error", () => undefined);

const passwd = followPasswd(site, { onFault: (fault) => say(fault.message) });
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
process.stdin.on("data", load).on("end", () => {
  // A socket of that name may be a new helper's by now; one with a name of its own is nobody else's.
  if (site.passwordSocket !== found.passwordSocket) rmSync(site.passwordSocket, { force: true });
  process.exit(0);
});

const parts = {
  clock: systemClock,
  passwords: () => passwords,
  accountOf,
  blockUid: () => blockUid,
  onFault: say,
  ...(uid === undefined || gid === undefined ? {} : { owner: { uid: Number(uid), gid: Number(gid) } }),
};
while (!(await listens())) await delay(systemClock, AGAIN_AFTER);
say("ready");

async function listens(): Promise<boolean> {
  try {
    await servePasswords(site, parts);
    return true;
  } catch (error) {
    say(`${site.passwordSocket}: ${messageOf(error)}`);
    return false;
  }
}
