/**
 * The text of the greeting: ours, or `smtp.greeting` (Sendmail's confSMTP_LOGIN_MSG) with its macros.
 */

/**
 * The greeting after the 220, one line.
 *
 * As in Sendmail, `ESMTP` comes after the first word of a configured text that does not say it. `$j` and `$w` are the host's
 * name and its first label, `$m` the rest of it, `$b` the date, `$v` our name in place of Sendmail's version, `$$` a dollar sign.
 */
export function greetingText(template: string | undefined, hostname: string, date: string): string {
  const same = made?.template === template && made?.hostname === hostname && made?.date === date;
  if (made === undefined || !same) made = { template, hostname, date, text: fill(template, hostname, date) };
  return made.text;
}

/** The last one: it holds for a second. */
let made:
  | {
      readonly template: string | undefined;
      readonly hostname: string;
      readonly date: string;
      readonly text: string;
    }
  | undefined;

function fill(template: string | undefined, hostname: string, date: string): string {
  const text = (template ?? "$j ESMTP $v; $b").replace(/[\r\n]+/g, " ");
  const dot = hostname.indexOf(".");
  const macros: Readonly<Record<string, string>> = {
    j: hostname,
    w: dot < 0 ? hostname : hostname.slice(0, dot),
    m: dot < 0 ? "" : hostname.slice(dot + 1),
    b: date,
    v: "mailhost",
    Z: "mailhost",
    $: "$",
  };
  const filled = text.replace(/\$(.)/gs, (_, name: string) => macros[name] ?? "").trim();
  return /\bESMTP\b/.test(filled) ? filled : filled.replace(/^(\S+)/, "$1 ESMTP");
}
