#!/usr/bin/env node
import { run } from "../dist/commands/makemap.js";

process.exitCode = await run(process.argv.slice(2));
