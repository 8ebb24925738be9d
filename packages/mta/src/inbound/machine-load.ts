/**
 * What a busy or full machine means for SMTP: connections that are refused or slowed down (RefuseLA, DelayLA), mail that is
 * only queued (QueueLA, DeliveryMode), MAIL that is put off while the disk is full (MinFreeBlocks). All of it ends by itself.
 */
import { statfs } from "node:fs/promises";
import { loadavg } from "node:os";
import type { Clock } from "@mailhost/common/clock";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import { isLogged } from "../log/message-log.ts";
import { reply } from "../policy/reply.ts";

/** The machine as Sendmail looks at it. */
export interface Machine {
  /** Load average of the last minute. */
  loadAverage(): number;
  /** Octets that are free below a folder for ordinary users. */
  freeSpace(path: string): Promise<number>;
}

/** The real one. */
export const thisMachine: Machine = {
  loadAverage: () => loadavg()[0]!,
  async freeSpace(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

/** The judge of one daemon; it says once in the log when something begins and when it is over. */
export interface MachineLoad {
  /** The refusal of a connection while the load is too high. */
  refusal(): SmtpReply | undefined;
  /** True while each command waits a second. */
  slowsDown(): boolean;
  /** True when a message of this priority (log/message-log.ts) waits for the queue's own time. */
  onlyQueues(priority: number): boolean;
  /**
   * The refusal of a message of so many octets, or of unknown size (0), while the disk is full. No promise where it is known that there
   * is room.
   */
  diskRefusal(size: number): SmtpReply | undefined | Promise<SmtpReply | undefined>;
}

/** Sendmail's QueueFactor. */
const QUEUE_FACTOR = 600_000;

/**
 * Free space is asked for once in this time, ms, while it is far from the limit: by more than anybody writes meanwhile. Near it each
 * message asks.
 */
const SPACE_KNOWN = 100;
const FAR = 2 ** 30;

/** How it is opened. */
export interface MachineLoadOptions {
  readonly machine: Machine;
  readonly settings: () => Settings;
  /** The folder whose file system must have room. */
  readonly queueFolder: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens the judge. */
export function openMachineLoad({
  machine,
  settings,
  queueFolder,
  clock,
  log,
}: MachineLoadOptions): MachineLoad {
  let refusing = false;
  let full = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  /** What was free then, without what has been announced since. */
  let left = 0;
  /** A question under way, whose answer does for all who come meanwhile. */
  let asking: Promise<void> | undefined;
  const ask = async () => {
    const now = clock.now();
    try {
      left = await machine.freeSpace(queueFolder);
      askedAt = now;
    } finally {
      asking = undefined;
    }
  };
  const load = () => Math.round(machine.loadAverage());
  const note = (line: string) => {
    if (isLogged(log, 1)) log.write("warn", line);
  };
  return {
    refusal() {
      const limit = settings().smtp.refuseLoad;
      const now = limit > 0 ? load() : 0;
      const refuses = limit > 0 && now >= limit;
      if (refuses && !refusing) note(`rejecting connections on daemon MTA: load average: ${now}`);
      if (!refuses && refusing) note("accepting connections again for daemon MTA");
      refusing = refuses;
      return refuses ? reply(421, "4.3.2", "Load average is too high; try again later") : undefined;
    },
    slowsDown() {
      const limit = settings().smtp.delayLoad;
      return limit > 0 && load() >= limit;
    },
    onlyQueues(priority) {
      const { deliveryMode, queueLoad } = settings().queue;
      if (deliveryMode === "queue-only" || deliveryMode === "deferred") return true;
      if (queueLoad === 0) return false;
      const now = load();
      return now >= queueLoad && priority > QUEUE_FACTOR / (now - queueLoad + 1);
    },
    diskRefusal(size) {
      const needed = settings().queue.minFreeSpace;
      if (needed === 0) return undefined;
      const isFar = !full && left - size - needed >= FAR;
      if (isFar && Math.abs(clock.now() - askedAt) < SPACE_KNOWN) {
        left -= size;
        return undefined;
      }
      return askedRefusal(size, needed, isFar);
    },
  };

  async function askedRefusal(size: number, needed: number, isFar: boolean): Promise<SmtpReply | undefined> {
    try {
      await (isFar ? (asking ??= ask()) : ask());
    } catch (error) {
      // A file system that cannot be asked says nothing against the message; writing it will tell.
      note(`SYSERR: ${queueFolder}: free space is unknown: ${messageOf(error)}`);
      return undefined;
    }
    const free = left;
    left -= size;
    const isFull = free - size < needed;
    if (isFull && !full) {
      note(`low on space (have ${free}, SMTP-DAEMON needs ${needed + size} in ${queueFolder})`);
    }
    if (!isFull && size === 0) full = false;
    if (isFull) full = true;
    return isFull ? reply(452, "4.4.5", "Insufficient disk space; try again later") : undefined;
  }
}
