/**
 * The items of a list, from an alias, a `.forward` or an `:include:` file.
 */
import { type AliasTarget, type BadItem, printTarget } from "@mailhost/common/tables/alias-targets";
import { expandAddress } from "./address-step.ts";
import type { Expansion, Way } from "./expansion.ts";
import { expandInclude } from "./include-step.ts";
import { expandName } from "./name-step.ts";

/**
 * Expands the items, the last one first as Sendmail does: of two that lead to one mailbox it decides which list's owner counts,
 * and of several that cannot be delivered whose refusal the client hears.
 */
export async function expandTargets(
  expansion: Expansion,
  targets: readonly (AliasTarget | BadItem)[],
  way: Omit<Way, "written" | "given">,
): Promise<void> {
  for (const target of targets.toReversed()) {
    if (expansion.broken !== undefined) return;
    const written = target.kind === "bad" ? target.item : writtenOf(target);
    await expandTarget(expansion, target, { ...way, written });
  }
}

/** Expands the lines of a list's file, each as an alias of its own. */
export async function expandLines(
  expansion: Expansion,
  lines: readonly (readonly (AliasTarget | BadItem)[])[],
  way: Omit<Way, "written" | "given">,
): Promise<void> {
  for (const line of lines) await expandTargets(expansion, line, way);
}

function expandTarget(expansion: Expansion, target: AliasTarget | BadItem, way: Way): void | Promise<void> {
  if (!expansion.mayGoOn(way)) return undefined;
  switch (target.kind) {
    case "bad":
      // Sendmail knows the mailbox `a b` but has never seen it.
      if (target.item.includes("@")) expansion.fail(way, 553, "5.1.3", "Invalid route address");
      else if (target.item === "") expansion.fail(way, 553, "5.1.3", target.reason);
      else expansion.fail(way, 550, "5.1.1", "User unknown");
      return undefined;
    case "local":
      return expandName(expansion, { name: target.name, domain: "" }, { ...way, final: target.final });
    case "address":
      return expandAddress(expansion, target.address, way);
    case "include":
      return expandInclude(expansion, target.path, way);
    case "program":
      return addSpecial(expansion, "program", target.command, way);
    case "file":
      return addSpecial(expansion, "file", target.path, way);
  }
}

function addSpecial(expansion: Expansion, kind: "program" | "file", what: string, way: Way): undefined {
  if (way.unsafe === undefined) expansion.addLocalSpecial(kind, what, way);
  else expansion.fail(way, 550, "5.7.1", `${way.unsafe} for mailing to ${kind}s`);
  return undefined;
}

/** As replies and the log name it. */
function writtenOf(target: AliasTarget): string {
  if (target.kind === "program") return `|${target.command}`;
  if (target.kind === "file") return target.path;
  if (target.kind === "include") return `:include:${target.path}`;
  return printTarget(target);
}
