/**
 * m4's `eval`: whole numbers with C's operators, by precedence.
 */

const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];

const MAX_DEPTH = 60;

/** The value of an expression; undefined when it is none, or divides by nothing. */
export function evaluate(text: string): number | undefined {
  const tokens = text.match(/\d+|\|\||&&|[<>=!]=|<<|>>|[-+*/%()<>!~|&^]|\S/g) ?? [];
  let at = 0;
  let depth = 0;
  const fail = (): never => {
    throw new RangeError(text);
  };
  const unary = (): number => {
    if (++depth > MAX_DEPTH) fail();
    const token = tokens[at++] ?? fail();
    let value: number;
    if (token === "(") {
      value = level(0);
      if (tokens[at++] !== ")") fail();
    } else if (token === "-") value = -unary();
    else if (token === "+") value = unary();
    else if (token === "!") value = unary() === 0 ? 1 : 0;
    else if (token === "~") value = ~unary();
    else value = /^\d+$/.test(token) ? Number(token) : fail();
    depth -= 1;
    return value;
  };
  const level = (n: number): number => {
    const operators = LEVELS[n];
    if (operators === undefined) return unary();
    let left = level(n + 1);
    for (let op = tokens[at]; op !== undefined && operators.includes(op); op = tokens[at]) {
      at += 1;
      left = apply(op, left, level(n + 1));
    }
    return left;
  };
  try {
    const value = level(0);
    return at === tokens.length && Number.isSafeInteger(value) ? value : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function apply(op: string, a: number, b: number): number {
  switch (op) {
    case "||":
      return a !== 0 || b !== 0 ? 1 : 0;
    case "&&":
      return a !== 0 && b !== 0 ? 1 : 0;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "&":
      return a & b;
    case "==":
      return a === b ? 1 : 0;
    case "!=":
      return a === b ? 0 : 1;
    case "<=":
      return a <= b ? 1 : 0;
    case ">=":
      return a >= b ? 1 : 0;
    case "<":
      return a < b ? 1 : 0;
    case ">":
      return a > b ? 1 : 0;
    case "<<":
      return a << b;
    case ">>":
      return a >> b;
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return Math.trunc(a / b);
    default:
      return a % b;
  }
}
