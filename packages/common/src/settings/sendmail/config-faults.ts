/**
 * All faults of a configuration in one error.
 */
import { ConfigError } from "../../errors.ts";

/** Several faults in one error: its message has a line for each. */
export class ConfigFaults extends ConfigError {
  readonly faults: readonly ConfigError[];

  constructor(faults: readonly ConfigError[]) {
    const [first, ...others] = faults;
    super(first!.file, first!.line, first!.reason);
    this.message = [first!, ...others].map((fault) => fault.message).join("\n");
    this.faults = faults;
  }
}
