#!/usr/bin/env node
import { run } from "../dist/popper/popper.js";

process.exitCode = await run(process.argv.slice(2));
