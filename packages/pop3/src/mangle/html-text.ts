/**
 * HTML as plain text: one pass over the tags, no tree, so that its time grows with the text alone.
 */

/** Elements whose content is not shown. */
const UNSEEN = new Set(["script", "style", "head", "title"]);
/** Elements that begin a line. */
const LINES = /^(br|p|div|tr|li|ul|ol|table|h[1-6]|blockquote|hr|pre|section|article|header|footer|dt|dd)$/;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  copy: "(c)",
  reg: "(R)",
  hellip: "...",
  ndash: "-",
  mdash: "-",
  lsquo: "'",
  rsquo: "'",
  ldquo: '"',
  rdquo: '"',
  bull: "*",
};

/** The text that a reader would see, lines kept short of nothing but their tags. */
export function htmlToText(html: string): string {
  const out: string[] = [];
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf("<", at);
    const text = html.slice(at, open < 0 ? html.length : open);
    if (text !== "") out.push(text.replace(/\s+/g, " "));
    if (open < 0) break;
    const comment = html.startsWith("<!--", open);
    const close = html.indexOf(comment ? "-->" : ">", open);
    if (close < 0) break;
    at = close + (comment ? 3 : 1);
    const tag = /^<(\/?)([A-Za-z][A-Za-z0-9]*)/.exec(html.slice(open, open + 40));
    const name = tag?.[2]?.toLowerCase() ?? "";
    if (LINES.test(name)) out.push("\n");
    if (name === "td" || name === "th") out.push(" ");
    if (tag?.[1] === "" && UNSEEN.has(name)) {
      const end = closing(html, name, at);
      if (end < 0) break;
      at = end;
    }
  }
  return entitiesUndone(out.join(""))
    .split("\n")
    .map((line) => line.trim())
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** Text that HTML shows as it stands. */
export function textToHtml(text: string): string {
  return `<pre>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</pre>`;
}

function closing(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}`, "gi");
  end.lastIndex = from;
  return end.exec(html)?.index ?? -1;
}

function entitiesUndone(text: string): string {
  return text.replace(/&(#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z]{2,8});/g, (whole, entity: string) => {
    if (!entity.startsWith("#")) return ENTITIES[entity] ?? whole;
    const hexadecimal = /^#x/i.test(entity);
    const code = Number.parseInt(entity.slice(hexadecimal ? 2 : 1), hexadecimal ? 16 : 10);
    return code > 31 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
      ? String.fromCodePoint(code)
      : " ";
  });
}
