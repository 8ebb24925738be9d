/**
 * Makes a fresh checkout ready to run: installs the packages of the lock file and builds, each only when needed.
 *
 * Plain JavaScript with no dependency, because it runs before anything is installed. It does nothing twice: what was
 * installed is remembered by the content of the files that decide it, not by their time stamps.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PNPM = "pnpm@12.21.0";
/** Oldest Node that the sources run on; the same as `engines` in package.json. */
const NODE_MAJOR = 20;
const NODE_MINOR = 19;

const root = fileURLToPath(new URL("..", import.meta.url));
const packagesDir = join(root, "packages");
const stamp = join(root, "node_modules", ".mailhost-installed");

function say(text) {
  process.stdout.write(`setup: ${text}\n`);
}

/** Ends with a message that says what to do, and no stack trace. */
function fail(text) {
  process.stderr.write(`setup: ${text}\n`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE_MAJOR || (major === NODE_MAJOR && minor >= NODE_MINOR)) return;
  fail(`Node ${NODE_MAJOR}.${NODE_MINOR} or newer is needed, this is ${process.versions.node}`);
}

function packageNames() {
  return readdirSync(packagesDir).filter((name) => existsSync(join(packagesDir, name, "package.json")));
}

/** What decides which packages are installed. */
function wanted() {
  const hash = createHash("sha256").update(PNPM);
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
  for (const name of packageNames()) files.push(join("packages", name, "package.json"));
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

function run(what, command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (result.error) fail(`${what} could not be started: ${result.error.message}`);
  return result.status === 0;
}

function install() {
  const want = wanted();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === want) return;
  say("installing packages");
  if (!run("npx", "npx", ["--yes", PNPM, "install", "--frozen-lockfile"])) {
    fail("the packages could not be installed (see above); is the package registry within reach?");
  }
  writeFileSync(stamp, want);
}

/** Paths below a folder of the files that end in `suffix`, without it. */
function stems(dir, suffix) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(dir.length, -suffix.length));
}

/**
 * Removes a built folder that does not belong to its sources: a file of a source that is gone would still be found by
 * whoever imports it, and a file that is missing is not written again while the build info says that it was.
 */
function dropStale(name) {
  const dist = join(packagesDir, name, "dist");
  if (!existsSync(dist)) return;
  const sources = stems(join(packagesDir, name, "src"), ".ts");
  const built = stems(dist, ".js");
  const same = built.every((stem) => sources.includes(stem));
  const buildInfo = join(dist, ".tsbuildinfo");
  const complete = !existsSync(buildInfo) || built.length > 0 || sources.length === 0;
  if (same && complete) return;
  say(`packages/${name}: removing a stale build`);
  rmSync(dist, { recursive: true, force: true });
}

function build() {
  for (const name of packageNames()) dropStale(name);
  const started = Date.now();
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  if (!run("tsc", process.execPath, [tsc, "-b"])) fail("the build failed (see above)");
  say(`built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

checkNode();
install();
build();
