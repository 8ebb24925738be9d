/**
 * Runs every test of the workspace: the packages' unit tests first, then the scenarios over whole hosts.
 *
 *     npm test                 everything
 *     npm test -- PATTERN …    the files whose path contains one of the patterns
 *
 * Each file runs in a process group of its own, as many at a time as there are processors, two at most, and one more
 * for scenarios, which mostly wait; those with a time limit of their own come first. A file that exceeds its time is
 * ended with everything it started; which tests it had ended and what it was at is told first (post-mortem.mjs). The last line is `N passed, N failed`, with `, N skipped` when there are any. A test
 * that is skipped for want of a program says `needs PROGRAM (Debian package NAME)`; with CI=true or
 * MAILHOST_REQUIRE_ALL=1 that counts as a failure. What this machine or user cannot have says so in other words.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { postMortem, REPORT_SIGNAL } from "./post-mortem.mjs";

const CONCURRENCY = Math.min(2, cpus().length);
/** Milliseconds that a file may take; a file may ask for another limit in a line `// time limit: 170 s`. */
const UNIT_LIMIT = 240_000;
const SCENARIO_LIMIT = 300_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const requireAll = process.env.CI === "true" || process.env.MAILHOST_REQUIRE_ALL === "1";
const say = (text) => process.stdout.write(`${text}\n`);

/** Test files below a folder, sorted; `soak` folders hold tests for a long run of their own. */
function testFiles(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !file.split("/").some((part) => part === "soak" || part === "node_modules"))
    .sort();
}

function allFiles() {
  const packages = readdirSync(join(root, "packages")).sort();
  const unit = packages.flatMap((name) => testFiles(join(root, "packages", name, "test")));
  return [
    ...unit.map((file) => ({ file, limit: UNIT_LIMIT })),
    ...testFiles(join(root, "test")).map((file) => ({ file, limit: SCENARIO_LIMIT })),
  ].map(({ file, limit }) => {
    const own = /^\/\/ time limit: (\d+) s$/m.exec(readFileSync(join(root, file), "utf8"));
    return { file, limit: own ? Number(own[1]) * 1000 : limit, own: own !== null };
  });
}

/** A long one that begins last would keep everybody waiting. */
function longestFirst(a, b) {
  const own = ({ entry }) => (entry.own ? 0 : 1);
  return own(a) - own(b) || a.number - b.number;
}

const groups = new Set();

/** Ends everything that is still running, then this process. */
function interrupted() {
  for (const pid of groups) endGroup(pid);
  process.exit(130);
}

function endGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

/** Runs one file; resolves with its results. Never rejects. */
function runFile({ file, limit }, scratch, number) {
  return new Promise((done) => {
    const [events, diagnosis] = [join(scratch, `${number}.events`), `${number}.report`];
    const child = spawn(
      process.execPath,
      [
        "--conditions=@mailhost/source",
        "--import",
        "tsx",
        `--test-reporter=${new URL("event-lines.mjs", import.meta.url).href}`,
        `--test-reporter-destination=${events}`,
        "--report-on-signal",
        `--report-signal=${REPORT_SIGNAL}`,
        `--report-directory=${scratch}`,
        `--report-filename=${diagnosis}`,
        file,
      ],
      { cwd: root, detached: true, stdio: ["ignore", "pipe", "pipe"] },
    );
    groups.add(child.pid);
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    let late;
    const timer = setTimeout(() => {
      late = "";
      void postMortem(child.pid, join(scratch, diagnosis)).then((text) => {
        late = text;
        endGroup(child.pid);
      });
    }, limit);
    const finish = (code, signal) => {
      clearTimeout(timer);
      endGroup(child.pid);
      groups.delete(child.pid);
      const text = existsSync(events) ? readFileSync(events, "utf8") : "";
      const results = text
        .split("\n")
        .filter((line) => line.endsWith("}"))
        .map((line) => JSON.parse(line));
      // A file without any test reports itself as one; a crash leaves the tests it had no time for unreported.
      if (late !== undefined) {
        const ended = results.map(({ name }) => `  ${name}`).join("\n") || "  none";
        const error = `took longer than ${limit / 1000} s\ntests that had ended:\n${ended}\n${late}\n${output}`;
        results.push({ name: file, passed: false, error });
      } else if (code !== 0 && results.every((r) => r.passed)) {
        results.push({
          name: file,
          passed: false,
          error: `ended with ${signal ?? `exit code ${code}`}\n${output}`,
        });
      } else if (results.length === 0) {
        results.push({ name: file, passed: false, error: "holds no test" });
      }
      done({ file, results, output });
    };
    child.on("error", (error) => keep(error.message));
    child.on("close", finish);
  });
}

const isWanting = (result) => result.skipped?.startsWith("needs ") ?? false;

/** Prints what a file brought; a failure with its text. */
function report({ file, results, output }, counts, wanting) {
  let shownOutput = false;
  for (const result of results) {
    if (isWanting(result)) wanting.add(result.skipped);
    if (result.skipped !== undefined) {
      const failed = isWanting(result) && requireAll;
      counts[failed ? "failed" : "skipped"] += 1;
      say(`${failed ? "FAILED" : "skipped"}  ${file}: ${result.name}: ${result.skipped}`);
      continue;
    }
    counts[result.passed ? "passed" : "failed"] += 1;
    if (result.passed) continue;
    say(`FAILED  ${file}: ${result.name}`);
    say(result.error.replace(/^/gm, "        "));
    if (!shownOutput && output.trim() !== "" && !result.error.includes(output)) {
      say(output.trim().replace(/^/gm, "        | "));
      shownOutput = true;
    }
  }
  const time = results.reduce((sum, r) => sum + (r.milliseconds ?? 0), 0);
  const bad = results.filter((r) => !r.passed || (isWanting(r) && requireAll)).length;
  if (bad === 0) say(`ok      ${file} (${results.length}, ${(time / 1000).toFixed(1)} s)`);
}

const patterns = process.argv.slice(2);
const files = allFiles().filter(
  ({ file }) => patterns.length === 0 || patterns.some((p) => file.includes(p)),
);
if (files.length === 0) {
  say(`no test file has ${patterns.join(" or ")} in its path`);
  say("0 passed, 0 failed");
  process.exit(1);
}
process.on("SIGINT", interrupted);
process.on("SIGTERM", interrupted);

const scratch = mkdtempSync(join(tmpdir(), "mailhost-test-"));
const counts = { passed: 0, failed: 0, skipped: 0 };
const wanting = new Set();
const queue = files.map((entry, number) => ({ entry, number })).toSorted(longestFirst);
const isScenario = ({ entry }) => entry.file.startsWith("test/");
const lane = async (wanted) => {
  for (;;) {
    const index = queue.findIndex(wanted);
    if (index < 0) return;
    const [{ entry, number }] = queue.splice(index, 1);
    report(await runFile(entry, scratch, number), counts, wanting);
  }
};
const lanes = (wanted, count) => Promise.all(Array.from({ length: count }, () => lane(wanted)));
await lanes((item) => !isScenario(item), CONCURRENCY);
await lanes(isScenario, CONCURRENCY + 1);
rmSync(scratch, { recursive: true, force: true });

if (wanting.size > 0) {
  say(`\nnot everything could run; on Debian: apt-get install --no-install-recommends …`);
  for (const reason of [...wanting].toSorted((a, b) => a.localeCompare(b))) say(`  ${reason}`);
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
say(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;
