/**
 * The mail that tells the owner of a mailbox that it is nearly full, in English and in Chinese.
 *
 * It is put into the mailbox itself, under the lock of the delivery that went past quota.warnAt, and above the limit if need
 * be: no queue, no way back, so nothing can answer it or send it round. That it was sent is remembered in
 * `var/lib/mailhost/quota-warned/NAME` until the mailbox is well below again.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { syncFolder } from "@mailhost/common/fs/whole-io";
import { appendMessages } from "@mailhost/common/mbox/append";
import type { LockedMailbox } from "@mailhost/common/mbox/lock";
import { splitMailboxName } from "@mailhost/common/mbox/mailbox-name";
import { percentOf } from "@mailhost/common/quota/mailbox-limits";
import { warnedFile, warnedFolder } from "@mailhost/common/quota/warned";
import type { Site } from "@mailhost/common/site";
import { mailDate, quotedPrintable } from "../bounce/header-text.ts";
import type { MailboxQuota } from "./mailbox-quota.ts";

/** What a warning needs to know. */
export interface WarningParts {
  readonly site: Pick<Site, "stateDir">;
  readonly quota: Pick<MailboxQuota, "action" | "warnAt" | "hostname">;
  readonly clock: Clock;
}

/** The mailbox must get so many per cent of its limit below quota.warnAt before another warning. */
const REARM = 10;

/**
 * Looks at a locked mailbox before anything is written: one that is well below the limit may be warned about again. Never
 * rejects.
 */
export async function forgetWarning(box: LockedMailbox, limit: number, parts: WarningParts): Promise<void> {
  const { warnAt } = parts.quota;
  if (warnAt === 0) return;
  try {
    const { size } = await box.file.stat();
    if (size >= (limit * Math.max(warnAt - REARM, warnAt / 2)) / 100) return;
    await box.fileSystem.unlink(warnedFile(parts.site, box.paths.name));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") box.log.write("warn", `quota: ${messageOf(error)}`);
  }
}

/**
 * Looks at a locked mailbox after its batch was written, and warns its owner when it is time. Never rejects: what was
 * delivered stays delivered.
 */
export async function warnOwner(box: LockedMailbox, limit: number, parts: WarningParts): Promise<void> {
  const { site, quota, clock } = parts;
  const { name } = box.paths;
  if (quota.warnAt === 0) return;
  try {
    const { size } = await box.file.stat();
    if (size < (limit * quota.warnAt) / 100) return;
    const mark = warnedFile(site, name);
    if (await isThere(box, mark)) return;
    const now = clock.now();
    const text = warningText({ name, hostname: quota.hostname, action: quota.action, size, limit, now });
    const remember = await readyToRemember(box, site, mark);
    await appendMessages(box, [{ sender: "", receivedAt: now, stream: () => once(text) }]);
    await remember();
    box.log.write(
      "info",
      `quota: ${name}: ${percentOf(size, limit)}% of ${limit} octets: the owner was warned`,
    );
  } catch (error) {
    box.log.write("warn", `quota: ${name} can not be warned: ${messageOf(error)}`);
  }
}

async function isThere({ fileSystem }: LockedMailbox, mark: string): Promise<boolean> {
  try {
    await fileSystem.lstat(mark);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

/**
 * Makes the mark under another name. Where that fails nobody is warned: it would come again with every delivery. It gets its name
 * behind the warning: whoever dies in between warns twice, and not never.
 */
async function readyToRemember(
  { fileSystem, paths }: LockedMailbox,
  site: Pick<Site, "stateDir">,
  mark: string,
): Promise<() => Promise<void>> {
  const folder = warnedFolder(site);
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  const unnamed = join(folder, `.${paths.name}`);
  await (await fileSystem.open(unnamed, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600)).close();
  return async () => {
    await fileSystem.rename(unnamed, mark);
    await syncFolder(fileSystem, folder);
  };
}

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/** What is said of a mailbox. */
export interface Warning {
  readonly name: string;
  readonly hostname: string;
  readonly action: MailboxQuota["action"];
  readonly size: number;
  readonly limit: number;
  /** ms since 1970. */
  readonly now: number;
}

/** The message, CRLF line ends, all ASCII (RFC 3834 section 5, RFC 2047). */
export function warningText({ name, hostname, action, size, limit, now }: Warning): string {
  const percent = percentOf(size, limit);
  const address = splitMailboxName(name).domain === "" ? `${name}@${hostname}` : name;
  const subject = Buffer.from(`邮箱已用 ${percent}%`).toString("base64");
  const [waits, waitsChinese] =
    action === "defer"
      ? ["waits outside for a few days and then goes back", "将等待数日，之后退回发件人"]
      : ["goes back to its sender", "将退回发件人"];
  const head = [
    `Date: ${mailDate(now)}`,
    `From: Mail Delivery Subsystem <MAILER-DAEMON@${hostname}>`,
    `Message-Id: <${randomBytes(12).toString("hex")}@${hostname}>`,
    `To: <${address}>`,
    `Subject: Your mailbox is ${percent}% full / =?utf-8?B?${subject}?=`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "",
  ];
  const lines = [
    `The mailbox of ${address} holds ${sizeText(size)} of at most ${sizeText(limit)}.`,
    `Fetch your mail and remove from the server what you do not need there.`,
    `Once the mailbox is full, new mail ${waits}.`,
    "",
    `${address} 的邮箱已使用 ${sizeText(size)}，上限为 ${sizeText(limit)}。`,
    "请收取邮件，并从服务器上删除不再需要的邮件。",
    `邮箱满后，新邮件${waitsChinese}。`,
  ];
  return head.join("\r\n") + quotedPrintable(lines);
}

/** `12.5 MiB`. */
function sizeText(octets: number): string {
  for (const [unit, size] of [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const) {
    if (octets >= size) return `${(octets / size).toFixed(1)} ${unit}`;
  }
  return `${octets} octets`;
}
