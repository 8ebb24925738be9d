/**
 * Prints the table of options as the manual page docs/man/mailhost.yaml.5, in mdoc(7). A test keeps the page so.
 */
import { writtenDefault } from "./describe.ts";
import { type Kind, OPTIONS, type Option } from "./options.ts";
import { formatDuration } from "./units.ts";

/** Longest line of the source; mandoc asks for no more than 80. */
const LINE = 78;

/** What stands for the value, by kind. */
const VALUES: Readonly<Record<Kind, string>> = {
  string: "text",
  boolean: "boolean",
  integer: "number",
  duration: "duration",
  size: "size",
  addresses: "addresses",
  networks: "networks",
  strings: "texts",
  accounts: "sources",
  choice: "word",
  path: "path",
  logFormat: "format",
};

const HEAD = `.\\" Printed from packages/common/src/settings/options.ts; change it there.
.Dd November 25, 2026
.Dt MAILHOST.YAML 5
.Os mailhost
.Sh NAME
.Nm mailhost.yaml
.Nd settings of the mail host
.Sh DESCRIPTION
The file
.Pa etc/mail/mailhost.yaml
below the site root holds the settings of
.Xr mailhost 8
in YAML.
The file and every setting in it are optional.
.Pp
A setting with dots in its name stands below its group:
.Ic smtp.maxHops
is the key
.Ic maxHops
below the key
.Ic smtp .
An unknown key or a bad value keeps the host from starting; the message names
file, line, key and what would be right.
.Pp
.Xr mailhost 8
reads the file when it starts and again at
.Dv SIGHUP .
Faults are then written to the log and the old settings stay in force.
Other listeners and another
.Ic run
user or group need a restart.
.Ss Values
.Bl -tag -width addresses
.It Ar boolean
.Ql true
or
.Ql false .
.It Ar number
A whole number.
.It Ar duration
Numbers with the units ms, s, m, h, d or w, such as
.Ql 20m
or
.Ql 1h30m .
A number without a unit is refused.
.It Ar size
Bytes, or a number with KiB, MiB or GiB, such as
.Ql 25MiB .
A size or number that has no highest value may be
.Ql unlimited .
.It Ar text
Quoted where YAML asks for it.
.It Ar addresses
A list of
.Ar host : Ns Ar port ;
an IPv6 address stands in brackets.
.It Ar texts
A list of texts.
.It Ar word
One of the words that are named with the setting.
.It Ar path
A path, or
.Ql false
for none.
.It Ar sources
A list of
.Ql file
and
.Ql system .
.It Ar format
.Ql sendmail
or
.Ql json .
.El
.Pp
A list of one may be written as its value alone; an empty list,
.Ql [] ,
means none.
A relative path hangs below the site root.
`;

const TAIL = `.Sh FILES
.Bl -tag -width etc/mail/mailhost.yaml
.It Pa etc/mail/mailhost.yaml
The settings.
.Ql mailhost init
writes one that shows every setting with its default.
.El
.Sh EXAMPLES
.Bd -literal
hostname: mail.example.com
smtp:
  listen: ["192.0.2.1:25", "[2001:db8::1]:25"]
  maxMessageSize: 50MiB
relay:
  smartHost: "[relay.isp.example]:587"
queue:
  interval: 15m
pop3:
  pop3s: []
accounts: file
.Ed
.Sh SEE ALSO
.Xr access 5 ,
.Xr aliases 5 ,
.Xr mailhost 8
`;

/** The page, in mdoc. */
export function describeSettingsInMdoc(): string {
  const groups = new Map<string, Option[]>();
  for (const option of OPTIONS) {
    const dot = option.path.indexOf(".");
    const group = dot < 0 ? "General" : option.path.slice(0, dot);
    groups.set(group, [...(groups.get(group) ?? []), option]);
  }
  const lists = [...groups].map(
    ([group, options]) => `.Ss ${group}\n.Bl -tag -width Ds\n${options.map(item).join("")}.El\n`,
  );
  return `${HEAD}.Sh SETTINGS\n${lists.join("")}${TAIL}`;
}

function item(option: Option): string {
  const text = option.path === "hostname" ? undefined : writtenDefault(option);
  const unset = option.path === "hostname" ? "Default: the machine's name" : "Unset by default";
  const limits = bounds(option);
  const range = limits === undefined ? "." : `;\n${limits}.`;
  const standard =
    text === undefined
      ? `${unset}${range}`
      : `Default:\n.Ql ${literal(text)}${range === "." ? " ." : ` ${range}`}`;
  const choices = option.choices === undefined ? "" : `${sentence(`One of ${option.choices.join(", ")}.`)}\n`;
  return `.It Ic ${option.path} : Ar ${VALUES[option.kind]}\n${sentence(option.doc)}\n${choices}${standard}\n`;
}

/** The bounds in words, without those that go without saying. */
function bounds({ kind, min, max }: Option): string | undefined {
  const print = kind === "duration" ? formatDuration : String;
  if (min !== undefined && max !== undefined) return `from ${print(min)} to ${print(max)}`;
  if (min !== undefined && min > 0) return `at least ${print(min)}${kind === "size" ? " bytes" : ""}`;
  return undefined;
}

/** Text as lines of the source, none of which is taken for a request. */
function sentence(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.replaceAll("\\", "\\e").split(" ")) {
    if (line !== "" && line.length + 1 + word.length > LINE) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].map((l) => l.replace(/^[.']/, "\\&$&")).join("\n");
}

/** Text as one argument of a macro. */
function literal(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll('"', "\\(dq");
  return /\s/.test(escaped) ? `"${escaped}"` : escaped;
}
