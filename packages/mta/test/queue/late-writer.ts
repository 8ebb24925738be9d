/** A command that has the queue open, and when it is told to takes an entry out and puts a note in: `late-writer PATH`. */
import { open } from "lmdb";

const root = open({ path: process.argv[2]!, noSubdir: true, maxDbs: 8, eventTurnBatching: false });
const drops = root.openDB<string, string>("drops", {});
const entries = root.openDB<Buffer, string>("entries", { encoding: "binary" });
process.once("message", () => {
  const [first] = entries.getKeys({ limit: 1 });
  Promise.all([entries.remove(first!), drops.put("late", "X")])
    .then(() => root.close())
    .then(
      () => process.disconnect(),
      () => process.exit(1),
    );
});
process.send!("open");
