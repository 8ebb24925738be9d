/**
 * The daemons together: started side by side, each restarted without touching the other, told of new settings, stopped.
 */
import type { SubmissionOrder, SubmissionResult } from "@mailhost/common/daemon/launcher-messages";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Certificate } from "@mailhost/common/tls/certificate";
import { type ChildPlan, type ChildStatus, type ChildSurroundings, ManagedChild } from "./managed-child.ts";

/** All daemons of a host. */
export interface Supervisor {
  /** Resolves when every daemon is ready; rejects, with the others stopped, when one can not start. */
  start(): Promise<void>;
  status(): ChildStatus[];
  /** Passes new settings on; a daemon that is started later gets them too. */
  reload(settings: Settings): void;
  /** Passes other certificates on. */
  takeCertificates(certificates: readonly Certificate[]): void;
  /** The queue has something new. */
  wake(): void;
  /** Attempt everything in the queue now. */
  runQueue(selection?: unknown): void;
  /** Ids of the messages that are being delivered. */
  underWay(): Promise<string[]>;
  /** Has the mta take a message from the drop folder; undefined when it does not say what became of it. */
  submission(order: SubmissionOrder): Promise<SubmissionResult | undefined>;
  /** Lets sessions finish for `limit` ms, then kills. Resolves when all are gone. */
  stop(limit: number): Promise<void>;
  /** Ends all at once. */
  kill(): void;
}

/** What {@link superviseChildren} needs. */
export interface SupervisorParts extends Omit<ChildSurroundings, "settings"> {
  readonly settings: Settings;
}

/** Prepares the daemons; nothing runs before `start`. */
export function superviseChildren(plans: readonly ChildPlan[], parts: SupervisorParts): Supervisor {
  let settings = parts.settings;
  const around = { ...parts, settings: () => settings };
  const children = plans.map((plan) => new ManagedChild(plan, around));
  const stop = async (limit: number) => {
    await Promise.all(children.map((child) => child.stop(limit)));
  };
  return {
    async start() {
      try {
        await Promise.all(children.map((child) => child.start()));
      } catch (error) {
        await stop(0);
        throw error;
      }
    },
    status: () => children.map((child) => child.status()),
    reload(next) {
      settings = next;
      for (const child of children) child.send({ type: "reload", settings });
    },
    takeCertificates(certificates) {
      for (const child of children) child.send({ type: "certificates", certificates });
    },
    wake() {
      for (const child of children) child.send({ type: "wake" });
    },
    runQueue(selection) {
      const which = selection === undefined ? {} : { selection };
      for (const child of children) child.send({ type: "run-queue", ...which });
    },
    underWay: async () => (await Promise.all(children.map((child) => child.underWay()))).flat(),
    submission: async (order) => children.find(({ name }) => name === "mta")?.submission(order),
    stop,
    kill() {
      for (const child of children) child.kill();
    },
  };
}
