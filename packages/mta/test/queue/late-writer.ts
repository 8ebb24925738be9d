/** A command that has the queue open, and writes to it when it is told to: `late-writer PATH`. */
import { open } from "lmdb";

const root = open({ path: process.argv[2]!, noSubdir: true, maxDbs: 8, eventTurnBatching: false });
const drops = root.openDB<string, string>("drops", {});
process.once("message", () => {
  drops
    .put("late", "X")
    .then(() => root.close())
    .then(
      () => process.disconnect(),
      () => process.exit(1),
    );
});
process.send!("open");
