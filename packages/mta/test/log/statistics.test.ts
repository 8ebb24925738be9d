import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { silentLog } from "@mailhost/common/log/log";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { run, statisticsLines } from "../../src/commands/mailstats.ts";
import { counted, countingLog, emptyCounts, openStatistics, readCounts } from "../../src/log/statistics.ts";

function temporaryFile(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-statistics-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "statistics");
}

test("counters are added to what the file says, also when mailstats -p began it anew", async (t) => {
  const file = temporaryFile(t);
  const clock = new ManualClock(1_795_745_858_000);
  const statistics = openStatistics(file, { clock, log: silentLog });
  const log = countingLog(silentLog, statistics);
  counted(log, { what: "from", mailer: "esmtp", size: 1025 });
  counted(log, { what: "to", mailer: "local", size: 1025 });
  counted(log, { what: "rejected", mailer: "esmtp" });
  counted(log, { what: "connection" });
  counted(silentLog, { what: "connection" });
  await statistics.close();
  assert.equal(readCounts(file)?.mailers.esmtp?.kibFrom, 2);
  const lines: string[] = [];
  assert.equal(await run(["-p", "-f", file], { out: (line) => void lines.push(line), err: assert.fail }), 0);
  assert.match(lines[0]!, /^1795745858 \d+$/);
  assert.equal(lines.at(-1), " C        1        0      0");
  const more = openStatistics(file, { clock, log: silentLog });
  more.count({ what: "connection" });
  await more.close();
  assert.equal(readCounts(file)?.connectionsFrom, 1);
  assert.deepEqual(readCounts(file)?.mailers, {});
});

test("the layout is mailstats'", () => {
  const counts = {
    ...emptyCounts(Date.parse("2026-11-27T02:17:38")),
    mailers: {
      local: {
        messagesFrom: 11,
        kibFrom: 41,
        messagesTo: 0,
        kibTo: 0,
        rejected: 0,
        discarded: 0,
        quarantined: 0,
      },
    },
  };
  assert.deepEqual(statisticsLines(counts, { forPrograms: false, names: true }), [
    "Statistics from Fri Nov 27 02:17:38 2026",
    " M   msgsfr  bytes_from   msgsto    bytes_to  msgsrej msgsdis msgsqur  Mailer",
    " 3       11         41K        0          0K        0       0       0  local",
    "=====================================================================",
    " T       11         41K        0          0K        0       0       0",
    " C        0                    0                    0",
  ]);
  const now = Date.parse("2026-11-27T02:31:59");
  assert.deepEqual(statisticsLines(counts, { forPrograms: true, names: true, now }).slice(1), [
    " 3       11         41        0          0        0       0       0  local",
    " T       11         41        0          0        0       0       0",
    " C        0        0      0",
  ]);
});

test("a file that is not there or not ours is said to be so", async (t) => {
  const file = temporaryFile(t);
  const err: string[] = [];
  const io = { out: assert.fail, err: (line: string) => void err.push(line) };
  assert.equal(await run(["-f", file], io), 66);
  writeFileSync(file, "\0\0\0");
  assert.equal(await run(["-f", file], io), 66);
  assert.deepEqual(err, [
    `mailstats: ${file}: No such file or directory`,
    `mailstats: ${file}: no counters of mailhost can be read in it`,
  ]);
  assert.equal(await run(["-Z"], io), 64);
  assert.equal(readFileSync(file, "utf8"), "\0\0\0");
});
