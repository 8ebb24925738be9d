/**
 * As much of a POP3 client as the demonstration needs.
 */
import type { LineDialogue } from "./line-dialogue.ts";

/**
 * Logs in, fetches every message and leaves it there.
 *
 * @returns the messages, each as its lines
 * @throws with the server's line when it answers -ERR
 */
export async function fetchAll(dialogue: LineDialogue, user: string, password: string): Promise<string[][]> {
  await readOk(dialogue);
  const say = (line: string) => {
    dialogue.send(line);
    return readOk(dialogue);
  };
  await say(`USER ${user}`);
  await say(`PASS ${password}`);
  const count = Number(/^\+OK (\d+) /.exec(await say("STAT"))?.[1] ?? 0);
  const messages: string[][] = [];
  for (let number = 1; number <= count; number++) {
    await say(`RETR ${number}`);
    messages.push(await readLines(dialogue));
  }
  await say("QUIT");
  return messages;
}

async function readOk(dialogue: LineDialogue): Promise<string> {
  const line = await dialogue.readLine();
  if (!line.startsWith("+OK")) throw new Error(`POP3 server: ${line}`);
  return line;
}

/** The lines up to the single dot (RFC 1939 section 3). */
async function readLines(dialogue: LineDialogue): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await dialogue.readLine();
    if (line === ".") return lines;
    lines.push(line.startsWith(".") ? line.slice(1) : line);
  }
}
