/**
 * Locks that other programs hold on a file, as Linux lists them in `/proc/locks`: flock(2)'s too, which no lock of ours
 * collides with. Where there is no such list nobody is known to hold one.
 */
import { readFile } from "node:fs/promises";

/** A file by numbers, as stat(2) gives them. */
export interface FileNumbers {
  readonly dev: number;
  readonly ino: number;
}

/** `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; one that waits has `->` before its kind. */
const LINE =
  /^\d+: (?:FLOCK|POSIX|OFDLCK)\s+\S+\s+(?:READ|WRITE|RW)\s+(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /;

/**
 * Who holds a lock on a file.
 *
 * @param text what `/proc/locks` says
 * @returns a process id, -1 for one that is not known, undefined for nobody
 */
export function holderIn(text: string, { dev, ino }: FileNumbers): number | undefined {
  const [major, minor] = [majorOf(dev), minorOf(dev)];
  for (const line of text.split("\n")) {
    const [, pid, lineMajor = "", lineMinor = "", inode] = LINE.exec(line) ?? [];
    if (pid === undefined || Number(inode) !== ino) continue;
    const device = [Number.parseInt(lineMajor, 16), Number.parseInt(lineMinor, 16)];
    // File systems without a device of their own (btrfs, overlay) may be called otherwise here than by stat.
    if (device[0] !== 0 && major !== 0 && (device[0] !== major || device[1] !== minor)) continue;
    return Number(pid);
  }
  return undefined;
}

/** Who holds a lock on a file now, as {@link holderIn}. */
export async function lockHolder(file: FileNumbers): Promise<number | undefined> {
  let text: string;
  try {
    text = await readFile("/proc/locks", "latin1");
  } catch {
    return undefined;
  }
  return holderIn(text, file);
}

/** makedev(3) of Linux, backwards. */
function majorOf(dev: number): number {
  return Number((BigInt(dev) >> 8n) & 0xfffn);
}

function minorOf(dev: number): number {
  return Number((BigInt(dev) & 0xffn) | ((BigInt(dev) >> 12n) & 0xfff00n));
}
