/**
 * m4's own macros, as far as configurations use them. What would run a program (syscmd, esyscmd) is refused.
 */
import { ConfigError } from "../../errors.ts";
import { define, type HostMacro, type M4, type M4Call, macroOf } from "./m4.ts";
import { evaluate } from "./m4-arithmetic.ts";

/** The built-in macros of a run. */
export function builtins(m4: M4): Readonly<Record<string, HostMacro>> {
  const plain = (run: (call: M4Call) => string): HostMacro => ({ run });
  const listed = (run: (call: M4Call) => string): HostMacro => ({ run, needsList: true });
  const put = (change: (call: M4Call) => void, needsList = true): HostMacro => ({
    run: (call) => {
      change(call);
      return "";
    },
    needsList,
  });
  return {
    define: put(({ args: [name = "", body = ""], origin }) => {
      define(m4, name, { kind: "text", body, origin });
    }),
    pushdef: put(({ args: [name = "", body = ""], origin }) => {
      m4.macros.set(name, [...(m4.macros.get(name) ?? []), { kind: "text", body, origin }]);
    }),
    popdef: put(({ args }) => {
      for (const name of args) m4.macros.get(name)?.pop();
    }),
    undefine: put(({ args }) => {
      for (const name of args) m4.macros.delete(name);
    }),
    defn: listed(({ args }) =>
      args
        .map((name) => macroOf(m4, name))
        .map((macro) => (macro?.kind === "text" ? `${m4.quotes[0]}${macro.body}${m4.quotes[1]}` : ""))
        .join(""),
    ),
    ifdef: listed(({ args: [name = "", then = "", otherwise = ""] }) =>
      macroOf(m4, name) === undefined ? otherwise : then,
    ),
    ifelse: listed(({ args }) => ifelse(args)),
    shift: plain(({ args }) =>
      args
        .slice(1)
        .map((a) => `${m4.quotes[0]}${a}${m4.quotes[1]}`)
        .join(","),
    ),
    len: listed(({ args }) => String((args[0] ?? "").length)),
    index: listed(({ args: [text = "", part = ""] }) => String(text.indexOf(part))),
    substr: listed(({ args: [text = "", from = "0", count] }) => {
      const start = Number(from);
      return count === undefined ? text.slice(start) : text.slice(start, start + Number(count));
    }),
    translit: listed(({ args: [text = "", from = "", to = ""] }) => translit(text, from, to)),
    incr: listed(({ args }) => String(Number(args[0] ?? "0") + 1)),
    decr: listed(({ args }) => String(Number(args[0] ?? "0") - 1)),
    eval: listed(({ args, origin }) => {
      const value = evaluate(args[0] ?? "");
      if (value === undefined)
        throw new ConfigError(origin.file, origin.line, `eval(${args[0] ?? ""}): no arithmetic`);
      return String(value);
    }),
    dnl: put(() => void m4.input.take(/[^\n]*\n?/y), false),
    divert: put(({ args }) => {
      m4.diversion = Number.parseInt(args[0] ?? "0", 10) || 0;
    }, false),
    divnum: plain(() => String(m4.diversion)),
    // Diversions are told apart when everything is read.
    undivert: put(() => undefined, false),
    changequote: put(({ args: [open, close], listed: given }) => {
      m4.quotes =
        given && (open ?? "") !== ""
          ? [open!, close === undefined || close === "" ? "'" : close]
          : ["`", "'"];
    }, false),
    changecom: put(({ args: [open] }) => {
      m4.comment = open ?? "";
    }, false),
    include: listed((call) => include(m4, call, true)),
    sinclude: listed((call) => include(m4, call, false)),
    errprint: put(() => undefined),
    m4wrap: put(({ args }) => {
      m4.wrapped.push(args[0] ?? "");
    }),
    syscmd: listed((call) => refuse(call)),
    esyscmd: listed((call) => refuse(call)),
    maketemp: listed((call) => refuse(call)),
    m4exit: listed((call) => refuse(call)),
  };
}

function refuse({ name, origin }: M4Call): never {
  throw new ConfigError(
    origin.file,
    origin.line,
    `${name}: not available here; write its result into the file`,
  );
}

function ifelse(args: readonly string[]): string {
  for (let i = 0; i < args.length; i += 3) {
    const [a = "", b, then = ""] = args.slice(i, i + 3);
    if (b === undefined) return i === 0 ? "" : a;
    if (a === b) return then;
    if (args.length - i <= 4) return args[i + 3] ?? "";
  }
  return "";
}

/** As m4: letters without a partner are left out; `a-z` are ranges. */
function translit(text: string, from: string, to: string): string {
  const sources = ranges(from);
  const targets = ranges(to);
  return text
    .split("")
    .map((c) => {
      const at = sources.indexOf(c);
      return at < 0 ? c : (targets[at] ?? "");
    })
    .join("");
}

function ranges(letters: string): string {
  return letters.replace(/(.)-(.)/g, (whole, a: string, b: string) => {
    const [first, last] = [a.charCodeAt(0), b.charCodeAt(0)];
    if (last < first || last - first > 255) return whole;
    return String.fromCharCode(...Array.from({ length: last - first + 1 }, (_, i) => first + i));
  });
}

const MAX_INCLUDES = 64;

function include(m4: M4, { args, origin }: M4Call, needed: boolean): string {
  const path = (args[0] ?? "").trim();
  const count = (m4.used.get("include") ?? 0) + (m4.used.get("sinclude") ?? 0);
  if (count > MAX_INCLUDES) {
    throw new ConfigError(origin.file, origin.line, `more than ${MAX_INCLUDES} files are included`);
  }
  const found = m4.files.read(path);
  if (found !== undefined) m4.input.include(found.text, found.file);
  else if (needed) throw new ConfigError(origin.file, origin.line, `include(${path}): no such file`);
  return "";
}
