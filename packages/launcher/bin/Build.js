#!/usr/bin/env node
import { runBuild } from "../dist/build-main.js";

process.exitCode = await runBuild(process.argv.slice(2));
