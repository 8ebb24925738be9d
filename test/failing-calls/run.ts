/**
 * `npm run test:crash -- calls [TEXT]`: all calls that the test takes a part of, or those with the text in their name, one after the
 * other. Ends with 1 when one comes to harm.
 */
import { type MailHost, startHost } from "../harness/host.ts";
import { failingCalls } from "./failing-calls.ts";
import { nameOf, withFailingCall } from "./failing-host.ts";

const cleanUps: (() => unknown)[] = [];
const scope = { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) };
let code = 1;
let host: MailHost | undefined;
try {
  const settings = { queue: { interval: "500ms" } };
  host = await startHost(scope, { users: ["wang", "li"], settings });
  const [wanted = ""] = process.argv.slice(2).filter((argument) => argument !== "calls");
  for (const failing of failingCalls().filter((one) => nameOf(one).includes(wanted))) {
    const began = Date.now();
    const { refused, accepted } = await withFailingCall(host, failing);
    process.stdout.write(
      `${nameOf(failing)}: ${accepted.length} taken, ${refused.length} refused, ${Date.now() - began} ms ${refused[0] ?? ""}\n`,
    );
  }
  code = 0;
} catch (error) {
  if (host !== undefined) process.stderr.write(host.log().slice(-3000));
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
} finally {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
}
process.exit(code);
