/** The manual pages say all that the commands can be told. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readSendmailFlags } from "@mailhost/mta/commands/sendmail-flags";
import { runProgram } from "./harness/programs.ts";

const pages = new URL("../docs/man/", import.meta.url);
const mailhost = fileURLToPath(new URL("../packages/launcher/bin/mailhost.js", import.meta.url));

const page = (name: string) => readFileSync(new URL(name, pages), "utf8");

/** What the help of a command lists. */
interface Help {
  readonly commands: readonly string[];
  readonly options: readonly string[];
}

async function helpOf(command: readonly string[]): Promise<Help> {
  const { code, stdout } = await runProgram(process.execPath, [mailhost, ...command, "--help"]);
  assert.equal(code, 0, `mailhost ${command.join(" ")} --help`);
  const prefix = `  mailhost ${[...command, ""].join(" ")}`;
  const rows = stdout.split("\nExamples:", 1)[0]!.split("\n");
  return {
    commands: rows
      .filter((row) => row.startsWith(prefix))
      .map((row) => row.slice(prefix.length).split(" ")[0]!),
    options: rows.flatMap((row) => /^ +(?:-\w, )?--([\w-]+) /.exec(row)?.[1] ?? []),
  };
}

/** The text of a command's own section. */
function section(text: string, command: string): string {
  const start = text.indexOf(`\n.Ss ${command}\n`);
  assert.ok(start >= 0, `mailhost.8 has a section ${command}`);
  const length = text.slice(start + 1).search(/\n\.S[sh] /);
  return text.slice(start, length < 0 ? undefined : start + 1 + length);
}

/** Whether a text has a long option as an item of a list. */
function describes(text: string, option: string): boolean {
  return new RegExp(`^\\.It .*\\bFl -${option}(?![\\w-])`, "m").test(text);
}

test("mailhost.8 describes every command, sub-command and option that --help shows", async () => {
  const text = page("mailhost.8");
  const common = text.slice(0, text.indexOf("\n.Ss "));
  const top = await helpOf([]);
  assert.ok(top.commands.length >= 7 && top.options.includes("root"), "the help was understood");
  for (const option of top.options) assert.ok(describes(common, option), `--${option}`);
  await Promise.all(
    top.commands.map(async (command) => {
      assert.match(common, new RegExp(`^\\.Cm ${command}\\b`, "m"), `synopsis: ${command}`);
      const own = section(text, command);
      const help = await helpOf([command]);
      const below = await Promise.all(help.commands.map((name) => helpOf([command, name])));
      for (const name of help.commands) {
        assert.match(own, new RegExp(`^\\.It Cm ${command} ${name}\\b`, "m"), `${command} ${name}`);
      }
      for (const option of [help, ...below].flatMap((h) => h.options)) {
        assert.ok(top.options.includes(option) || describes(own, option), `${command}: --${option}`);
      }
    }),
  );
});

test("mailhost.8 describes no option that --help does not show", async () => {
  const text = page("mailhost.8");
  for (const command of (await helpOf([])).commands) {
    const help = await helpOf([command]);
    const below = await Promise.all(help.commands.map((name) => helpOf([command, name])));
    const known = new Set([help, ...below].flatMap((h) => h.options));
    for (const [, option] of section(text, command).matchAll(/\bFl -([\w-]+)/g)) {
      assert.ok(known.has(option!), `${command}: --${option}`);
    }
  }
});

test("sendmail.8 describes every flag and every mode that sendmail reads, and no other", () => {
  const text = page("sendmail.8").slice(page("sendmail.8").indexOf("\n.Ss What to do"));
  const described = new Set([...text.matchAll(/\bFl (\w)/g)].map((match) => match[1]!));
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".split("");
  const known = letters.filter((letter) => {
    const read = readSendmailFlags([`-${letter}`]);
    return read.ok || !read.reason.includes("illegal option");
  });
  assert.ok(known.includes("t") && !known.includes("z"), "the reader was understood");
  assert.deepEqual(described, new Set(known));
  const modes = letters.filter((letter) => readSendmailFlags([`-b${letter}`]).ok);
  const shown = [...text.matchAll(/^\.It .*$/gm)].flatMap(([line]) =>
    [...line.matchAll(/\bFl b(\w)/g)].map((match) => match[1]!),
  );
  assert.deepEqual(new Set(shown), new Set(modes));
});

test("each page is named in its head, says what it is of and refers to pages that are there", () => {
  const names = readdirSync(pages);
  const others = ["sysexits 3"];
  for (const name of names) {
    const text = page(name);
    const [, title, number] = /^(.*)\.(\d)$/.exec(name)!;
    assert.match(text, new RegExp(`^\\.Dt ${title!.toUpperCase()} ${number}$`, "m"), name);
    assert.match(text, /^\.Sh NAME\n\.Nm \S+\n\.Nd \S/m, name);
    for (const [, target, at] of text.matchAll(/^\.Xr (\S+) (\d)/gm)) {
      assert.ok(
        names.includes(`${target}.${at}`) || others.includes(`${target} ${at}`),
        `${name}: ${target}(${at})`,
      );
    }
  }
});
