/**
 * A user of this system by number: the name and the full name (the gecos field up to its first comma) of passwd(5).
 */
import { readSystemLists } from "@mailhost/common/daemon/identity";

/** A user. */
export interface LocalUser {
  readonly name: string;
  readonly fullName?: string;
}

/**
 * The user of a number; one that the system does not know is named by the number.
 *
 * @param passwd text of /etc/passwd
 */
export function localUser(uid: number, passwd: string = readSystemLists().passwd): LocalUser {
  for (const line of passwd.split("\n")) {
    const [name, , number, , gecos = ""] = line.split(":");
    if (name === undefined || name === "" || number !== String(uid)) continue;
    // An ampersand stands for the name with a capital letter.
    const full = gecos
      .replace(/,.*/, "")
      .replaceAll("&", name.charAt(0).toUpperCase() + name.slice(1))
      .trim();
    return { name, ...(full === "" ? {} : { fullName: full }) };
  }
  return { name: `uid${uid}` };
}
