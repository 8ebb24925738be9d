/**
 * What a program that gets mail finds around itself: little, and nothing of ours.
 */
import { accessSync, constants } from "node:fs";
import type { SystemUser } from "./controller.ts";

/** Text that no shell of any age takes for anything but text. */
const HARMLESS = /^[\p{L}\p{N}@._+=/:-]+$/u;

/**
 * The environment: AGENT as Sendmail sets it, a path, our time zone, and the user's own names.
 *
 * @param facts further variables; those with anything but plain characters in them are left out, for they come from
 *   whoever sent the message
 */
export function programEnvironment(
  user: SystemUser | undefined,
  facts: Readonly<Record<string, string>>,
): Record<string, string> {
  const plain = Object.entries(facts).filter(([, value]) => HARMLESS.test(value));
  const zone = process.env.TZ;
  return {
    AGENT: "sendmail",
    PATH: "/bin:/usr/bin",
    ...(zone === undefined ? {} : { TZ: zone }),
    ...(user === undefined
      ? {}
      : { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell }),
    ...Object.fromEntries(plain),
  };
}

/** The user's home, where it can be gone to, else `/` (`D=$z:/` of Sendmail's prog mailer). */
export function workingFolder(user: SystemUser | undefined): string {
  if (user === undefined || user.home === "") return "/";
  try {
    accessSync(user.home, constants.X_OK);
    return user.home;
  } catch {
    return "/";
  }
}
