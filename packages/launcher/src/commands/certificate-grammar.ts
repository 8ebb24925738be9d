/**
 * The grammar of `mailhost certificate`.
 */
import type { Argv } from "yargs";
import { type CommandParts, type CommonOptions, siteOf } from "../command-parts.ts";
import type { CertificateArguments } from "./certificate.ts";

export function certificateGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  const act = async (action: CertificateArguments["action"], args: { json?: unknown; force?: unknown }) => {
    const { certificateCommand } = await import("./certificate.ts");
    const what = { action, json: args.json === true, force: args.force === true };
    done(await certificateCommand(siteOf(args as CommonOptions), what, terminal));
  };
  const json = (y: Argv) => y.option("json", { type: "boolean", describe: "Print JSON" });
  return parser.command("certificate", "The host's certificate, and getting one by ACME", (y) =>
    y
      .command(
        ["status", "$0"],
        "What there is, until when, and what became of the last attempt",
        json,
        (args) => act("status", args),
      )
      .command(
        "get",
        "Get a certificate for acme.domains now",
        (z) =>
          json(z)
            .option("force", {
              type: "boolean",
              describe:
                "Replace a certificate that was not got here, and ask though the authority said to wait",
            })
            .example("$0 certificate get", "the first one; the settings acme.* say for which names"),
        (args) => act("get", args),
      )
      .command(
        "renew",
        "Get a new one if it is due; the running host does so by itself",
        (z) =>
          json(z).example("$0 certificate renew", "every day, where the host can not write its certificate"),
        (args) => act("renew", args),
      )
      .example("$0 certificate", "the same as status"),
  );
}
