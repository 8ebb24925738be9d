/**
 * What stands for the queue in a `sendmail -bs` of somebody who may not write it: each message goes into the drop folder,
 * with the envelope that the session has at that moment.
 */
import type { Site } from "@mailhost/common/site";
import type { Transaction } from "../inbound/transaction.ts";
import { newEntry } from "../queue/message-writer.ts";
import type { MessageWriter, QueueStore } from "../queue/queue-store.ts";
import { createDrop, type DropWriter, dropHead } from "./drop-file.ts";
import type { SubmissionRequest } from "./submission-request.ts";

/**
 * The store, as far as a session needs it.
 *
 * @param transaction the session's, as it is when a message begins
 * @param warning what the message is to be warned of
 */
export function dropStore(
  site: Site,
  transaction: () => Transaction | undefined,
  warning: string,
): Pick<QueueStore, "receive" | "newId"> {
  let drawn = 0;
  // The daemon gives each its queue id; until then a name of the same form will do.
  const newId = () =>
    `drop${String((drawn += 1)).padStart(4, "0")}${String(process.pid % 1_000_000).padStart(6, "0")}`;
  return { newId, receive: (id = newId()) => dropWriter(site, id, transaction, warning) };
}

function dropWriter(
  site: Site,
  id: string,
  transaction: () => Transaction | undefined,
  warning: string,
): MessageWriter {
  let drop: DropWriter | undefined;
  let size = 0;
  const opened = async () => {
    if (drop !== undefined) return drop;
    drop = await createDrop(site.dropDir);
    await drop.write(dropHead(requestOf(transaction(), warning)));
    return drop;
  };
  return {
    id,
    holdsPieces: true,
    get size() {
      return size;
    },
    async write(chunk) {
      size += chunk.length;
      await (await opened()).write(chunk);
    },
    async commit(message) {
      await (await opened()).finish();
      return newEntry(id, message, size, Date.now());
    },
    async abort() {
      await drop?.discard();
    },
  };
}

function requestOf(transaction: Transaction | undefined, warning: string): SubmissionRequest {
  const recipients = [...(transaction?.recipients.values() ?? [])];
  const notify = recipients[0]?.parameters.notify;
  const { dsnReturn, bodyType, smtputf8 } = transaction?.parameters ?? {};
  return {
    sender: transaction?.sender ?? "",
    recipients: recipients.map(({ address }) => address),
    fromHeader: false,
    bySmtp: true,
    warnings: [warning],
    ...(notify === undefined ? {} : { notify: notify.join(",") }),
    ...(dsnReturn === undefined ? {} : { dsnReturn }),
    ...(bodyType === undefined ? {} : { bodyType }),
    ...(smtputf8 === true ? { smtputf8 } : {}),
  };
}
