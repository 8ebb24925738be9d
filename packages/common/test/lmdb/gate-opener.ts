/** A process that opens and closes an environment again and again: `gate-opener FILE ro|rw`. */
import { open } from "lmdb";
import { openGated } from "../../src/lmdb/gate.ts";

const [, , path = "", how] = process.argv;
process.send?.("there");
process.on("disconnect", () => process.exit());
for (;;) {
  const { opened, gate } = openGated(path, () =>
    open<number, string>({ path, noSubdir: true, readOnly: how === "ro", overlappingSync: false }),
  );
  opened.get("n");
  await opened.close();
  gate.close();
  // Others get their turn.
  await new Promise((done) => setTimeout(done, 1));
}
