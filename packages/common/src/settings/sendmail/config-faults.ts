/**
 * All faults of a configuration in one error.
 */
import { ConfigError } from "../../errors.ts";

/** Several faults in one error: its message has a line for each, a file's in the order of its lines. */
export class ConfigFaults extends ConfigError {
  readonly faults: readonly ConfigError[];

  constructor(faults: readonly ConfigError[]) {
    const files = faults.map(({ file }) => file);
    const place = ({ file }: ConfigError) => files.indexOf(file);
    const sorted = faults.toSorted((a, b) => place(a) - place(b) || a.line - b.line);
    const [first] = sorted;
    super(first!.file, first!.line, first!.reason);
    this.message = sorted.map((fault) => fault.message).join("\n");
    this.faults = sorted;
  }
}
