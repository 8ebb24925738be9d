/**
 * What a test file was doing when its time was over: the last words of its run before it is ended.
 *
 * Its process writes a diagnostic report (`node --report-on-signal`), from which the open handles are told: whom it was connected to,
 * which child it waited for. Of every process that it started: state, what it waits for in the kernel, command line. Of every host
 * among them: the end of its log.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The signal that makes the process write its report. */
export const REPORT_SIGNAL = "SIGUSR2";

/** How long the report is waited for (ms): a process whose thread stands still in a native call writes none. */
const REPORT_WITHIN = 3000;
/** Lines of a host's log. */
const LOG_LINES = 30;

/**
 * Tells all of it as text. Never rejects.
 *
 * @param pid of the test file's process, which leads a process group
 * @param report where its report comes to
 */
export async function postMortem(pid, report) {
  try {
    const processes = processesOf(pid);
    return [
      await handlesOf(pid, report),
      "processes (number, parent, state, seconds of life, waits in, command):",
      ...processes.map(lineOf),
      ...[...new Set(processes.flatMap(rootOf))].flatMap(endOfLog),
    ].join("\n");
  } catch (error) {
    return `nothing can be told of it: ${String(error)}`;
  }
}

async function handlesOf(pid, path) {
  try {
    process.kill(pid, REPORT_SIGNAL);
  } catch {
    return "it had ended";
  }
  const end = Date.now() + REPORT_WITHIN;
  while (Date.now() < end) {
    const report = parsed(path);
    if (report !== undefined) return handlesIn(report);
    await new Promise((resume) => setTimeout(resume, 50));
  }
  return "it writes no report: its thread stands still";
}

/** The report; undefined until the whole of it is there. */
function parsed(path) {
  try {
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  } catch {
    return undefined;
  }
}

function handlesIn({ libuv, javascriptStack }) {
  const open = libuv.filter((handle) => handle.is_active && handle.is_referenced && handle.type !== "loop");
  const stack = javascriptStack?.stack ?? [];
  return [
    open.length === 0 ? "it had nothing open to wait for" : "it waited with these open:",
    ...open.map(handleLine),
    ...(stack.length === 0 ? [] : ["at", ...stack]),
  ].join("\n");
}

function handleLine(handle) {
  const at = (end) => (end ? `${end.ip4 ?? end.ip6 ?? end.host}:${end.port}` : "-");
  switch (handle.type) {
    case "tcp":
      return `  tcp ${at(handle.localEndpoint)} to ${at(handle.remoteEndpoint)}, ${handle.writeQueueSize} octets to write`;
    case "udp":
      return `  udp ${at(handle.localEndpoint)}`;
    case "process":
      return `  child ${handle.pid}`;
    case "timer":
      return `  timer, due in ${handle.firesInMsFromNow} ms`;
    default:
      return `  ${handle.type}`;
  }
}

/** The process, its group, and whatever is below any of them. */
function processesOf(leader) {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => describe(Number(name)));
  const found = new Set(
    all.filter(({ pid, group }) => pid === leader || group === leader).map(({ pid }) => pid),
  );
  for (let size = 0; size < found.size; ) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid));
}

function describe(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").join(" ").trim();
    // Field 22 is the start, in hundredths of a second since the system's (proc_pid_stat(5)).
    const uptime = Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
    const age = Math.round(uptime - Number(fields[19]) / 100);
    return [{ pid, state: fields[0], parent: Number(fields[1]), group: Number(fields[2]), age, command }];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function lineOf({ pid, parent, state, age, command }) {
  return `  ${pid} ${parent} ${state} ${age} ${waitsIn(pid)} ${command.slice(0, 300)}`;
}

/** The kernel's function in which its main thread waits; others than root may not see it. */
function waitsIn(pid) {
  try {
    return readFileSync(`/proc/${pid}/wchan`, "latin1") || "-";
  } catch {
    return "-";
  }
}

/** The root of the host that a process is the launcher of. */
function rootOf({ command }) {
  const root = / start --root (\S+)/.exec(command)?.[1];
  return root === undefined ? [] : [root];
}

function endOfLog(root) {
  try {
    const lines = readFileSync(join(root, "var/log/mail.log"), "utf8").trimEnd().split("\n");
    return [`the log of ${root} ends:`, ...lines.slice(-LOG_LINES).map((line) => `  ${line}`)];
  } catch {
    return [`${root} has no log`];
  }
}
