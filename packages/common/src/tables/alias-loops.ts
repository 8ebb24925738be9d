/**
 * Loops among aliases: names that lead back to themselves over other names, so that nobody would get the mail.
 *
 * A name that lists itself (`root: root, x@y`) is no loop: it is delivered there. `\name` ends a chain.
 */
import { domainKey, localPartKey, splitAddress } from "../address.ts";
import { detailForms } from "./address-keys.ts";
import { type AliasTarget, parseTargets } from "./alias-targets.ts";

/**
 * Finds the loops.
 *
 * @returns each loop by its members, the first repeated at the end: `["a", "b", "a"]`; at least one loop of every
 *   group of names that lead to each other
 */
export function aliasLoops(
  entries: ReadonlyMap<string, string>,
  isLocalDomain: (domain: string) => boolean,
): string[][] {
  const loops: string[][] = [];
  const done = new Set<string>();
  for (const start of entries.keys()) {
    // Depth first with a stack of its own: a chain may be longer than the call stack.
    const path: { name: string; next: string[] }[] = [];
    const depth = new Map<string, number>();
    const enter = (name: string) => {
      depth.set(name, path.length);
      path.push({ name, next: followed(name, entries, isLocalDomain) });
    };
    if (!done.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const name = top.next.pop();
      if (name === undefined) {
        done.add(top.name);
        depth.delete(top.name);
        path.pop();
      } else if (depth.has(name)) {
        if (name !== top.name) loops.push([...path.slice(depth.get(name)).map((p) => p.name), name]);
      } else if (!done.has(name)) {
        enter(name);
      }
    }
  }
  return loops;
}

/** The aliases that a name leads to. */
function followed(
  name: string,
  entries: ReadonlyMap<string, string>,
  isLocalDomain: (domain: string) => boolean,
): string[] {
  const read = parseTargets(entries.get(name) ?? "");
  if (!read.ok) return [];
  return read.targets.flatMap((target) => {
    const alias = formsOf(target, isLocalDomain).find((form) => entries.has(form));
    return alias === undefined ? [] : [alias];
  });
}

/** The keys under which a target is looked up among the aliases. */
function formsOf(target: AliasTarget, isLocalDomain: (domain: string) => boolean): string[] {
  if (target.kind === "local") return target.final ? [] : detailForms(target.name);
  if (target.kind !== "address") return [];
  const { localPart, domain } = splitAddress(target.address);
  const key = domainKey(domain);
  if (!isLocalDomain(key)) return [];
  const forms = detailForms(localPartKey(localPart));
  return [...forms.map((form) => `${form}@${key}`), ...forms];
}
