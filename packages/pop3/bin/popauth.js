#!/usr/bin/env node
import { run } from "../dist/popauth/popauth.js";

process.exitCode = await run(process.argv.slice(2));
