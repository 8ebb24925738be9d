#!/usr/bin/env node
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@mailhost/mta/commands/sendmail";

// The launcher is loaded only by whoever starts the host: programs that send mail wait for this one.
const starter = {
  start: async (site, order) => {
    const { hostStarter } = await import("../dist/sendmail/starter.js");
    return hostStarter(fileURLToPath(import.meta.url)).start(site, order);
  },
};
const programName = basename(process.argv[1] ?? "").replace(/\.js$/, "");
process.exitCode = await run(process.argv.slice(2), { starter, programName });
