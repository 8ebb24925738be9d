/**
 * The grammar of the `mailhost` command: every command, its options and examples.
 */
import { UserError } from "@mailhost/common/errors";
import { EX_USAGE } from "@mailhost/common/sysexits";
import yargs, { type Argv } from "yargs";
import { type CommandParts, type CommonOptions, defined, siteOf } from "./command-parts.ts";
import { bansGrammar } from "./commands/bans-grammar.ts";
import { buildGrammar } from "./commands/build-grammar.ts";
import { certificateGrammar } from "./commands/certificate-grammar.ts";
import { dracGrammar } from "./commands/drac-grammar.ts";
import { mailboxGrammar } from "./commands/mailbox-grammar.ts";
import { queueGrammar } from "./commands/queue-grammar.ts";
import { userGrammar } from "./commands/user-grammar.ts";
import type { Terminal } from "./terminal.ts";

/** The parser; `parseAsync` runs the command. */
export function commandLine(
  argv: readonly string[],
  terminal: Terminal,
  done: (exitCode: number) => void,
): Argv {
  const parts: CommandParts = { terminal, done };
  let parser: Argv = yargs([...argv])
    .scriptName("mailhost")
    .usage(
      "$0 COMMAND [--root DIR]\n\nA company's mail host: SMTP in, through and out; POP3 over the same mailboxes.",
    )
    .option("root", {
      type: "string",
      requiresArg: true,
      global: true,
      describe: "Directory that the host lives below (MAILHOST_ROOT, else /)",
    });
  for (const grammar of [
    startGrammar,
    initGrammar,
    userGrammar,
    mailboxGrammar,
    checkGrammar,
    certificateGrammar,
    queueGrammar,
    bansGrammar,
    dracGrammar,
    traceGrammar,
    buildGrammar,
    demoGrammar,
  ]) {
    parser = grammar(parser, parts);
  }
  return parser
    .demandCommand(1, "name a command")
    .strict()
    .recommendCommands()
    .alias("help", "h")
    .version(false)
    .wrap(null)
    .exitProcess(false)
    .fail((message: string | undefined, error: Error | undefined) => {
      // What the parser itself throws, for an option without its value, is wrong usage too.
      if (error !== undefined && error.name !== "YError") throw error;
      const text = lowerFirst(message ?? error?.message ?? "wrong usage");
      // The parser's own words for it speak of non-option arguments and their number.
      const lacking = text.startsWith("not enough non-option arguments");
      throw new UserError(lacking ? "an argument is missing: a name, say" : text, EX_USAGE);
    })
    .epilogue(
      "Exit codes are those of sysexits(3): 64 usage, 65 data, 69 unavailable, 75 try again, 77 permission, 78 settings.",
    );
}

function startGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  return parser.command(
    "start",
    "Run the host in the foreground",
    (y) =>
      y
        .example("$0 start", "the host of this machine; as root, to become mail after binding")
        .example("$0 start --root /srv/mail", "another one, below its own directory"),
    async (args) => {
      const { startCommand } = await import("./commands/start.ts");
      done(await startCommand(siteOf(args as CommonOptions), terminal));
    },
  );
}

function initGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  return parser.command(
    "init",
    "Write a complete etc/mail for a new site; files that are there stay",
    (y) =>
      y
        .option("domain", {
          type: "string",
          demandOption: true,
          requiresArg: true,
          describe: "Your domain: the part after @",
        })
        .option("lan", {
          type: "string",
          array: true,
          demandOption: true,
          requiresArg: true,
          describe: "Network part of the LAN that may send through this host; several are allowed",
        })
        .option("hostname", {
          type: "string",
          requiresArg: true,
          describe: "Name of this host (default: mail.DOMAIN)",
        })
        .option("smtp-port", { type: "number", requiresArg: true, describe: "SMTP port (default: 25)" })
        .option("submission-port", {
          type: "number",
          requiresArg: true,
          describe: "Submission port (default: 587)",
        })
        .option("pop3-port", { type: "number", requiresArg: true, describe: "POP3 port (default: 110)" })
        .option("smtps-port", {
          type: "number",
          requiresArg: true,
          describe: "submission port with TLS from the first octet (default: 465; none beside other ports)",
        })
        .option("pop3s-port", {
          type: "number",
          requiresArg: true,
          describe: "POP3 port with TLS from the first octet (default: 995; none beside other ports)",
        })
        .example("$0 init --domain linuxaid.com.cn --lan 202.99.11", "202.99.11.0 to 202.99.11.255 may relay")
        .example("$0 init --domain example.com --lan 192.168.1 2001:db8:1", "two networks"),
    async (args) => {
      const { initCommand } = await import("./commands/init.ts");
      const { domain, lan, hostname, smtpPort, submissionPort, pop3Port, smtpsPort, pop3sPort } = args;
      const given = { domain, lan, hostname, smtpPort, submissionPort, pop3Port, smtpsPort, pop3sPort };
      done(initCommand(siteOf(args as CommonOptions), defined(given), terminal));
    },
  );
}

function checkGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  return parser.command(
    "check",
    "Look for faults in settings, tables, permissions, certificates, DNS and ports",
    (y) =>
      y
        .option("json", { type: "boolean", describe: "Print the findings as JSON" })
        .example("$0 check && $0 start", "start only when nothing is wrong"),
    async (args) => {
      const { checkCommand } = await import("./commands/check.ts");
      done(await checkCommand(siteOf(args as CommonOptions), args.json === true, terminal));
    },
  );
}

function traceGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  return parser.command(
    "trace <recipient>",
    "Which table entry decides about a recipient, and where the mail would go",
    (y) =>
      y
        .positional("recipient", { type: "string", demandOption: true, describe: "Address as in RCPT TO" })
        .option("from-ip", {
          type: "string",
          demandOption: true,
          requiresArg: true,
          describe: "Address of the client",
        })
        .option("mail-from", { type: "string", requiresArg: true, describe: "Address as in MAIL FROM" })
        .option("auth", { type: "string", requiresArg: true, describe: "Account that has logged in" })
        .option("json", { type: "boolean", describe: "Print the decision as JSON" })
        .example("$0 trace --from-ip 202.99.11.7 someone@example.org", "may the LAN send to the world?")
        .example("$0 trace --from-ip 198.51.100.1 postmaster", "where does mail from outside go?"),
    async (args) => {
      const { traceCommand } = await import("@mailhost/mta/trace");
      const { fromIp, mailFrom, auth, recipient, json } = args;
      const given = defined({ fromIp, mailFrom, auth, recipient, json });
      done(await traceCommand(siteOf(args as CommonOptions), given, (line) => terminal.out(line)));
    },
  );
}

function demoGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  return parser.command(
    "demo",
    "Show the whole scenario on free ports in a temporary directory",
    (y) => y.example("$0 demo", "submits, is refused, delivers, fetches, relays; says what happened"),
    async () => {
      const { demoCommand } = await import("./commands/demo.ts");
      done(await demoCommand(terminal));
    },
  );
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
