/**
 * Runs a conversation written down line by line, so that a test of a protocol reads like the protocol:
 *
 *     S: 220 mail.linuxaid.com.cn …
 *     C: EHLO client.test
 *     S* 250
 *     C: RCPT TO:<a@b>
 *     S: 550 5.7.1 <a@b>... Relaying denied
 *
 * `C:` sends a line. `S:` reads one and compares the whole of it; `…` stands for any text. `S*` reads a reply of several
 * lines, each of which begins with the code. Lines that begin with `#` and empty lines are left out.
 */
import assert from "node:assert/strict";
import { Connection, type ConnectOptions, type Endpoint } from "./connection.ts";

/**
 * Holds the conversation over a new connection and closes it at the end.
 *
 * @throws at the first line that is not as written, with the conversation up to there
 */
export async function dialogue(to: Endpoint, script: string, options: ConnectOptions = {}): Promise<void> {
  const connection = await Connection.open(to, options);
  try {
    await converse(connection, script);
  } finally {
    connection.close();
  }
}

/** Holds the conversation over a connection that is open, and leaves it open. */
export async function converse(connection: Connection, script: string): Promise<void> {
  const said: string[] = [];
  for (const raw of script.split("\n")) {
    const step = raw.trim();
    if (step === "" || step.startsWith("#")) continue;
    const text = step.slice(2).trim();
    if (step.startsWith("C:")) {
      said.push(`C: ${text}`);
      await connection.write(Buffer.from(`${text}\r\n`, "utf8"));
    } else if (step.startsWith("S:")) {
      const line = (await connection.readLine()).toString("utf8");
      said.push(`S: ${line}`);
      assert.ok(patternOf(text).test(line), `expected "${text}"\n${said.join("\n")}`);
    } else if (step.startsWith("S*")) {
      for (;;) {
        const line = await connection.readText();
        said.push(`S: ${line}`);
        assert.ok(line.startsWith(text), `expected a reply ${text}\n${said.join("\n")}`);
        if (line[3] !== "-") break;
      }
    } else {
      throw new Error(`a dialogue has no line like ${JSON.stringify(step)}`);
    }
  }
}

function patternOf(text: string): RegExp {
  const parts = text.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
