#!/usr/bin/env node
import { run } from "../dist/commands/sendmail.js";

process.exitCode = await run(process.argv.slice(2), { programName: "hoststat" });
