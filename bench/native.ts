/**
 * The programs of the bench that are written in C, so that they cost little beside what they measure; compiled for a run into a
 * folder of its own where there is a C compiler. Where there is none, programs for Node that take the same arguments stand in.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scope } from "../test/harness/host.ts";
import { findProgram } from "../test/harness/programs.ts";

/** The commands that run them; arguments follow. */
export interface NativePrograms {
  readonly load: readonly string[];
  readonly sink: readonly string[];
  /** In words, for the heading of a table. */
  readonly described: string;
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Compiles them; the results go with the scope. */
export function compileNative(scope: Scope): NativePrograms {
  const compiler = ["cc", "gcc", "clang"].map(findProgram).find((found) => found !== undefined);
  if (compiler === undefined) {
    const script = (name: string) => [process.execPath, "--import", "tsx", path(`${name}.ts`)];
    return {
      load: script("smtp-load"),
      sink: script("smtp-sink"),
      described: "load generator for Node, which itself costs much: there is no C compiler",
    };
  }
  const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-c-"));
  scope.after(() => rmSync(dir, { recursive: true, force: true }));
  const compiled = (name: string) => {
    execFileSync(compiler, ["-O2", "-o", join(dir, name), path(`native/${name}.c`)]);
    return [join(dir, name)];
  };
  return { load: compiled("smtp-load"), sink: compiled("smtp-sink"), described: "load generator in C" };
}
