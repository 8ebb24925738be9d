#!/usr/bin/env node
import { run } from "../dist/commands/praliases.js";

process.exitCode = await run(process.argv.slice(2));
