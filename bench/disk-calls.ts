/**
 * Counts what a message costs the disk, under strace in a short run: what forces octets to it (fsync, fdatasync, msync,
 * sync_file_range, and writes to files that were opened with O_DSYNC or O_SYNC, which are as good as an fsync each), and what changes
 * folders (rename, link, creat, mkdir), which costs as much where a file system keeps a journal.
 */

/** Calls that are traced; `strace -e trace=` takes them, and leaves out those that a machine does not have. */
export const TRACED = [
  ..."openat,?open,?creat,fsync,fdatasync,msync,sync_file_range,sync,syncfs,pwrite64,pwritev,?pwritev2,write,writev".split(
    ",",
  ),
  ..."?rename,?renameat,?renameat2,?link,?linkat,?mkdir,?mkdirat".split(","),
].join(",");

const FORCING = ["fsync", "fdatasync", "msync", "sync_file_range", "sync", "syncfs"] as const;
const NAMING: Readonly<Record<string, "rename" | "link" | "creat" | "mkdir">> = {
  ...{ rename: "rename", renameat: "rename", renameat2: "rename", link: "link", linkat: "link" },
  ...{ creat: "creat", mkdir: "mkdir", mkdirat: "mkdir" },
};

/** How often each was called. */
export interface DiskCalls {
  /** By name; "synchronous write" is one to a file opened with O_DSYNC or O_SYNC. */
  readonly forcing: ReadonlyMap<string, number>;
  readonly naming: ReadonlyMap<string, number>;
}

/**
 * Reads a log of `strace -f -y -qq`, and counts from an offset of it on. Files that were opened to be written synchronously are known
 * from its beginning; a descriptor counts together with its path, for its number is another file's in another process, and later.
 */
export function countDiskCalls(log: string, from: number): DiskCalls {
  const forcing = new Map<string, number>();
  const naming = new Map<string, number>();
  const add = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  const synchronous = new Set<string>();
  /** Processes that are opening such a file while strace shows others. */
  const opening = new Set<string>();
  let offset = 0;
  for (const line of log.split("\n")) {
    const counts = offset >= from;
    offset += line.length + 1;
    const { pid, name, rest } = parse(line) ?? {};
    if (pid === undefined || name === undefined || rest === undefined) continue;
    const [, opened] = / = (\d+<[^>]*>)/.exec(rest) ?? [];
    if (/\bO_D?SYNC\b/.test(rest) && /^open/.test(name)) {
      if (opened === undefined) opening.add(pid);
      else synchronous.add(opened);
    } else if (rest.startsWith("resumed>") && /^open/.test(name) && opening.delete(pid)) {
      if (opened !== undefined) synchronous.add(opened);
    }
    if (!counts || rest.startsWith("resumed>")) continue;
    const [, descriptor = ""] = /^(\d+<[^>]*>)/.exec(rest) ?? [];
    if (FORCING.some((known) => known === name)) add(forcing, name);
    else if (/write/.test(name) && synchronous.has(descriptor)) add(forcing, "synchronous write");
    else if (name in NAMING) add(naming, NAMING[name]!);
    else if (/^open/.test(name) && /\bO_CREAT\b/.test(rest)) add(naming, "creat");
  }
  return { forcing, naming };
}

/** `123 fsync(4</x>) = 0`, `123 fsync(4</x> <unfinished ...>`, `123 <... fsync resumed>) = 0`. */
function parse(line: string): { pid: string; name: string; rest: string } | undefined {
  const found = /^(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) (resumed>.*))$/.exec(line);
  if (found === null) return undefined;
  const [, pid = "", name, rest, resumedName = "", resumed = ""] = found;
  return { pid, name: name ?? resumedName, rest: rest ?? resumed };
}
