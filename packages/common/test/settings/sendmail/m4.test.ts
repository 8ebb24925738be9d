import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../../src/errors.ts";
import { type M4Call, runM4, startM4 } from "../../../src/settings/sendmail/m4.ts";

function expand(text: string, files: Readonly<Record<string, string>> = {}): string {
  const m4 = startM4(text, "f.mc", {
    read: (path) => (files[path] === undefined ? undefined : { text: files[path], file: path }),
  });
  return (runM4(m4).get(0) ?? []).map((line) => line.text).join("\n");
}

/** Calls of a macro FEATURE, with arguments and lines. */
function calls(text: string, files: Readonly<Record<string, string>> = {}): M4Call[] {
  const seen: M4Call[] = [];
  const m4 = startM4(text, "f.mc", {
    read: (path) => (files[path] === undefined ? undefined : { text: files[path], file: path }),
  });
  m4.macros.set("FEATURE", [
    {
      kind: "host",
      run: (call) => {
        seen.push(call);
        return "";
      },
    },
  ]);
  runM4(m4);
  return seen;
}

const thrown = (text: string): string => {
  try {
    expand(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return "nothing was thrown";
};

describe("the m4 reader", () => {
  test("takes one level of quotes off, and nests them", () => {
    assert.equal(expand("`a `b' c'"), "a `b' c");
    assert.equal(expand("define(`x', ``y'')x"), "y");
    assert.equal(expand("it's"), "it's");
  });

  test("dnl swallows the rest of the line, within arguments too", () => {
    assert.equal(expand("a dnl b\nc"), "a c");
    assert.equal(expand("define(`x',dnl say\n`1')x"), "1");
  });

  test("divert(-1) throws text away, but not what macros do there", () => {
    assert.equal(expand("divert(-1)\nnot this\ndefine(`x', `y')\ndivert(0)dnl\nx"), "y");
  });

  test("comments are left as they are, macros in them too", () => {
    assert.equal(expand("define(`x', `y')dnl\n# x don't\nx"), "# x don't\ny");
    assert.equal(expand("changecom()define(`x', `y')dnl\n# x"), "# y");
  });

  test("ifdef, ifelse, undefine, pushdef and popdef", () => {
    assert.equal(expand("ifdef(`x', `yes', `no')"), "no");
    assert.equal(expand("define(`x')ifdef(`x', `yes', `no')undefine(`x')ifdef(`x', `yes', `no')"), "yesno");
    assert.equal(expand("ifelse(a, b, 1, c, c, 2, 3)"), "2");
    assert.equal(expand("ifelse(a, b, 1)"), "");
    assert.equal(expand("define(`x', 1)pushdef(`x', 2)x`'popdef(`x')x"), "21");
  });

  test("arithmetic and texts", () => {
    assert.equal(
      expand("eval((1 + 2) * 3 == 9 && !0) len(`abc') index(`abc', `c') substr(`abcd', 1, 2)"),
      "1 3 2 bc",
    );
    assert.equal(expand("translit(`Abc', `A-Z', `a-z') incr(1) shift(`a', `b', `c')"), "abc 2 b,c");
    assert.match(thrown("eval(x)"), /^f\.mc:1: eval\(x\): no arithmetic/);
  });

  test("arguments: leading blanks go, commas in quotes and parentheses stay", () => {
    assert.deepEqual(
      calls("FEATURE(  `a, b',\n  c(d, e) , )").map((c) => c.args),
      [["a, b", "c(d, e) ", ""]],
    );
    assert.deepEqual(
      calls("FEATURE\nFEATURE()").map((c) => [c.listed, c.args]),
      [
        [false, []],
        [true, [""]],
      ],
    );
  });

  test("changequote", () => {
    assert.equal(expand("changequote([, ])define([x], [it's])changequote(`, ')x"), "it's");
  });

  test("each call knows its file and line, within included files too", () => {
    const seen = calls("\nFEATURE(`a',\n  `b')\ninclude(`more.m4')FEATURE(`d')\n", {
      "more.m4": "\nFEATURE(`c')\n",
    });
    assert.deepEqual(
      seen.map(({ args, origin }) => `${args[0]} ${origin.file}:${origin.line}`),
      ["a f.mc:2", "c more.m4:2", "d f.mc:4"],
    );
  });

  test("an include that is not there is refused, sinclude is not", () => {
    assert.match(thrown("\ninclude(`gone.m4')"), /^f\.mc:2: include\(gone\.m4\): no such file/);
    assert.equal(expand("sinclude(`gone.m4')x"), "x");
  });

  test("what never ends is refused with its place", () => {
    assert.match(thrown("\n`abc"), /^f\.mc:2: the quote ` is never closed/);
    assert.match(thrown("\n\ndefine(`a'"), /^f\.mc:3: the arguments of define\( have no closing parenthesis/);
    assert.match(thrown("define(`x', `x x')x"), /macros expand without end/);
    assert.match(thrown("define(`x', `x')x"), /macros expand without end/);
    assert.match(thrown(`${"ifdef(".repeat(300)}`), /nested more than/);
  });

  test("a file that includes itself is refused", () => {
    assert.throws(() => expand("include(`a')", { a: "include(`a')" }), /more than 64 files/);
  });

  test("no program is run", () => {
    assert.match(thrown("syscmd(`touch /tmp/x')"), /syscmd: not available here/);
  });

  test("quoting any text with balanced quotes and reading it gives the text back", () => {
    const piece = fc.stringMatching(/^[A-Za-z0-9 ,()#$\n.-]{0,12}$/);
    const { text } = fc.letrec<{ text: string }>((tie) => ({
      text: fc.oneof(
        { depthSize: "small" },
        piece,
        fc.tuple(piece, tie("text"), piece).map(([a, b, c]) => `${a}\`${b}'${c}`),
      ),
    }));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (args) => {
        const [call] = calls(`FEATURE(${args.map((arg) => `\`${arg}'`).join(", ")})`);
        assert.deepEqual(call?.args, args);
      }),
    );
  });

  test("no input makes it do anything but end or refuse", () => {
    const word = fc.constantFrom(
      "define",
      "(",
      ")",
      "`",
      "'",
      ",",
      "x",
      "dnl",
      "\n",
      "ifelse",
      "divert",
      "-1",
      "$1",
      "#",
      "$*",
      " ",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        try {
          expand(words.join(""));
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
        }
      }),
      { numRuns: 300 },
    );
  });
});
