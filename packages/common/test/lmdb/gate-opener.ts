/** A process that opens and closes an environment again and again: `gate-opener FILE ro|rw [PATIENCE]`. Ends with an error when that fails. */
import { open } from "lmdb";
import { openGated } from "../../src/lmdb/gate.ts";

const [, , path, how, patience] = process.argv;
const options = { noSubdir: true, overlappingSync: false, eventTurnBatching: false, readOnly: how === "ro" };
let goesOn = true;
process.once("disconnect", () => (goesOn = false));
process.send!("opens");
while (goesOn) {
  const { opened, gate } = openGated(path!, () => open({ path: path!, ...options }), {
    patience: Number(patience ?? 10_000),
  });
  await new Promise((done) => setImmediate(done));
  await gate.close(() => opened.close());
}
