/**
 * A reporter for node:test that writes one JSON object a finished test; test/run.mjs reads them.
 */

/** The text of a test's failure, its cause first: node wraps what the test threw. */
function failureText(error) {
  if (!error) return "";
  const cause = error.cause ?? error;
  if (typeof cause === "string") return cause;
  return cause.stack ?? cause.message ?? String(cause);
}

export default async function* eventLines(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite" && type === "test:pass") continue;
    const error = data.details?.error;
    // A parent that fails only because its subtests did is counted by them.
    if (error?.failureType === "subtestsFailed") continue;
    yield `${JSON.stringify({
      name: data.name,
      passed: type === "test:pass" || data.todo !== undefined,
      skipped: data.skip === undefined ? undefined : String(data.skip === true ? "" : data.skip),
      milliseconds: Math.round(data.details?.duration_ms ?? 0),
      error: failureText(error),
    })}\n`;
  }
}
