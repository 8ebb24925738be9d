/**
 * The command line of the bench.
 */

export const SECTIONS = ["smtp", "disk", "pop3", "plot"] as const;
export type Section = (typeof SECTIONS)[number];

/** What was asked for. */
export interface Options {
  readonly sections: readonly Section[];
  readonly rounds: number;
  /** How long a load lasts, s. */
  readonly seconds: number;
  /** When no further round begins, minutes. */
  readonly minutes: number;
  readonly peers: readonly string[] | undefined;
  readonly scenarios: readonly string[] | undefined;
  /** The folder of another checkout that is measured beside this. */
  readonly before: string | undefined;
  readonly mebibytes: number;
  readonly mboxMessages: number;
  /** Numbers of idle POP3 sessions. */
  readonly idle: readonly number[];
  readonly json: boolean;
  readonly write: boolean;
}

export const USAGE = `npm run bench -- [smtp] [disk] [pop3] [plot] [OPTION …]

Measures mailhost and whatever of its peers is installed, and prints tables; without a section smtp, disk and pop3.
plot writes docs/performance.svg.

  --rounds N          how often all take turns (3; POP3 as often)
  --seconds N         how long a load lasts, about (2)
  --minutes N         no round begins that would end later (30, a section)
  --peers A,B         only mailhost and these: postfix, postfix-tuned, postfix-virtual, sendmail, exim, haraka, smtp-server, dovecot, popa3d
  --only A,B          only these loads: c20, c20k100, one, c200, c200-4k, c1, c1-one, 64k, 5m, relay
  --before FOLDER     another checkout beside this one, such as of an earlier commit; it must be built
  --mbox MIB          the POP3 mailbox (1024), and --mbox-messages N in it (50000)
  --idle              2,000 idle POP3 sessions as well as 200
  --json              the figures of all rounds as JSON instead of tables
  --write             the tables go into bench/RESULTS.md as well
`;

/** Reads it; a text says what is wrong with it. */
export function readOptions(words: readonly string[]): Options | string {
  const sections: Section[] = [];
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const section = SECTIONS.find((name) => name === word);
    if (section !== undefined) sections.push(section);
    else if (["--idle", "--json", "--write", "--help"].includes(word)) flags.add(word);
    else if (
      /^--(rounds|seconds|minutes|peers|only|before|mbox|mbox-messages)$/.test(word) &&
      i + 1 < words.length
    )
      values.set(word, words[(i += 1)]!);
    else return `${word} is not understood\n\n${USAGE}`;
  }
  if (flags.has("--help")) return USAGE;
  const number = (name: string, otherwise: number) => Number(values.get(name) ?? otherwise);
  const list = (name: string) => values.get(name)?.split(",");
  const numbers = {
    ...{ rounds: number("--rounds", 3), seconds: number("--seconds", 2), minutes: number("--minutes", 30) },
    ...{ mebibytes: number("--mbox", 1024), mboxMessages: number("--mbox-messages", 50_000) },
  };
  if (Object.values(numbers).some((value) => !(value > 0))) return `a number is missing\n\n${USAGE}`;
  return {
    ...numbers,
    sections: sections.length > 0 ? sections : ["smtp", "disk", "pop3"],
    peers: list("--peers"),
    scenarios: list("--only"),
    before: values.get("--before"),
    idle: flags.has("--idle") ? [200, 2000] : [200],
    json: flags.has("--json"),
    write: flags.has("--write"),
  };
}
