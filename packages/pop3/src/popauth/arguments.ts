/**
 * popauth's command line: Qpopper's flags, with one dash or two, and ours.
 */

/** What is done. */
export type PopauthAction =
  | { readonly kind: "help" | "version" | "init" }
  /** All, when no name is given. */
  | { readonly kind: "list"; readonly name?: string }
  | { readonly kind: "user"; readonly name: string; readonly password?: string }
  | { readonly kind: "delete"; readonly name: string }
  | { readonly kind: "import"; readonly file: string };

/** What was asked for. */
export interface PopauthArguments {
  readonly action: PopauthAction;
  readonly json: boolean;
  readonly root?: string;
  /** A file that says afterwards what was done. */
  readonly trace?: string;
}

export const USAGE = `usage: popauth -init
       popauth -list [NAME | ALL] [--json]
       popauth -user NAME [PASSWORD]
       popauth -delete NAME
       popauth --import FILE

The secrets of APOP and CRAM-MD5 logins, in etc/mail/popauth.db.

  -init            make the database; an old one is emptied after a question
  -list            list who has a secret: one, or all (--json for programs)
  -user            set the secret of an account, asked for twice, or read from
                   standard input when that is no terminal
  -delete          remove a secret; the account stays
  --import FILE    take over Qpopper's database from a dump (gdbm_dump, db_dump)
                   or a Berkeley DB file; - is standard input
  -trace FILE      write there what is done, without any secret
  --root DIR       the site root (MAILHOST_ROOT, else /)
  -version, -help

Each flag may have one dash or two.
`;

/** Reads the command line, or says what is wrong with it. */
export function readPopauthArguments(argv: readonly string[]): PopauthArguments | string {
  const words = argv.flatMap(splitValue);
  const actions: PopauthAction[] = [];
  let json = false;
  let root: string | undefined;
  let trace: string | undefined;
  const value = (): string | undefined => (words[0]?.startsWith("-") === false ? words.shift() : undefined);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!/^--?[a-z]/i.test(word)) return `${word}: not expected here`;
    const flag = word.replace(/^--?/, "");
    const missing = `${word}: something must follow`;
    switch (flag) {
      case "help":
      case "version":
      case "init":
        actions.push({ kind: flag });
        break;
      case "list": {
        const name = value();
        actions.push(name === undefined || name === "ALL" ? { kind: "list" } : { kind: "list", name });
        break;
      }
      case "user": {
        const name = value();
        const password = value();
        if (name === undefined) return missing;
        actions.push(password === undefined ? { kind: "user", name } : { kind: "user", name, password });
        break;
      }
      case "delete": {
        const name = value();
        if (name === undefined) return missing;
        actions.push({ kind: "delete", name });
        break;
      }
      case "import": {
        const file = words[0] === "-" ? words.shift() : value();
        if (file === undefined) return missing;
        actions.push({ kind: "import", file });
        break;
      }
      case "trace":
        trace = value();
        if (trace === undefined) return missing;
        break;
      case "root":
        root = value();
        if (root === undefined) return missing;
        break;
      case "json":
        json = true;
        break;
      default:
        return `${word}: unknown flag`;
    }
  }
  const [action, second] = actions;
  if (action === undefined) return "say what is to be done";
  if (second !== undefined) return `-${action.kind} and -${second.kind}: one at a time`;
  return {
    action,
    json,
    ...(root === undefined ? {} : { root }),
    ...(trace === undefined ? {} : { trace }),
  };
}

/** `--root=DIR` is `--root DIR`. */
function splitValue(word: string): string[] {
  const [, flag, value] = /^(--?[a-z]+)=(.*)$/s.exec(word) ?? [];
  return flag === undefined || value === undefined ? [word] : [flag, value];
}
