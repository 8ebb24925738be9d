/**
 * The rulesets of a `sendmail.cf`. mailhost runs none of them: those that Sendmail's m4 files make are passed over, as their
 * FEATUREs are recognised; whatever somebody wrote by hand is reported with its lines.
 */
import { addFeature, addNote, type Origin, type SendmailConfig } from "./model.ts";
import {
  type ChosenMailers,
  ruleShape,
  ruleText,
  shapeDigest,
  USUAL_MAILERS,
  withoutText,
} from "./rule-shape.ts";
import { isStockRule, STOCK_RULESETS, STOCK_VERSION } from "./stock-rules.ts";

/** One rule. */
export interface Rule {
  /** As ruleText gives it. */
  readonly text: string;
  readonly origin: Origin;
}

/** A ruleset, or a part of it: the same `S` line may come again and goes on then. */
export interface Ruleset {
  /** The name, or the number where there is only one. */
  readonly name: string;
  readonly origin: Origin;
  readonly rules: Rule[];
}

/** Reads an `S` line without its `S`. */
export function rulesetOf(text: string, origin: Origin): Ruleset {
  const name = text.trim().split(/[=\s]/)[0] ?? "";
  return { name, origin, rules: [] };
}

/** Reads an `R` line without its `R`. */
export function ruleOf(text: string, origin: Origin): Rule {
  return { text: ruleText(text), origin };
}

/**
 * Reports what is not Sendmail's own, and finds the DRAC hook among it.
 *
 * @param stock whether Sendmail's m4 files made the file, so that its rules can be theirs
 */
export function judgeRulesets(config: SendmailConfig, rulesets: readonly Ruleset[], stock: boolean): void {
  const foreign: Origin[] = [];
  const sameRules = config.version === undefined || sameVersion(config.version);
  const chosen = chosenMailers(rulesets);
  const reject = config.own.get("policy.rejectMessage")?.value;
  for (const ruleset of rulesets) {
    if (/^Local_/.test(ruleset.name)) judgeLocal(config, ruleset, stock);
    else if (!stock || !STOCK_RULESETS.has(ruleset.name)) {
      if (ruleset.rules.length > 0) reportRules(config, `ruleset ${ruleset.name}`, ruleset.rules);
    } else {
      const judged = ruleset.rules.map((rule) => ({
        rule,
        kind: judgeRule(ruleset.name, rule, { chosen, reject }),
      }));
      const own = judged.filter(({ kind }) => kind === "own").map(({ rule }) => rule);
      if (!sameRules) foreign.push(...own.map((rule) => rule.origin));
      else {
        reportRules(config, `ruleset ${ruleset.name}`, own);
        const texts = judged.filter(({ kind }) => kind === "text").map(({ rule }) => rule.origin);
        if (texts.length > 0) {
          const what =
            texts.length === 1 ? "the words of a refusal" : `the words of ${texts.length} refusals`;
          const text = `ruleset ${ruleset.name}: ${what} changed, not carried over (${lineList(texts)})`;
          addNote(config, texts[0]!, text);
        }
      }
    }
  }
  if (foreign.length > 0) {
    addNote(
      config,
      foreign[0]!,
      `made by Sendmail ${config.version ?? ""}: ${foreign.length} of its rules are not among those known of ` +
        `${STOCK_VERSION} (${lineList(foreign)}); if you added some of them, they are not carried over`,
    );
  }
}

/** Sendmail's own; its own but for the words of a refusal; or somebody's. */
function judgeRule(
  ruleset: string,
  rule: Rule,
  { chosen, reject }: { readonly chosen: ChosenMailers; readonly reject: string | undefined },
): "stock" | "text" | "own" {
  const shape = ruleShape(rule.text, chosen);
  if (isStockRule(shapeDigest(ruleset, shape))) return "stock";
  if (!isStockRule(shapeDigest(ruleset, withoutText(shape)))) return "own";
  // Carried over are confREJECT_MSG and the messages of block lists (rule-features.ts).
  const listed = ruleset === "Basic_check_relay" && /^<\?>(?:\$\+|IP)/.test(shape);
  const words = /^<REJECT> .*\$: (.*)$/.exec(shape)?.[1]?.replaceAll('"', "").trim();
  return listed || (words !== undefined && words === reject) ? "stock" : "text";
}

/** The mailers that the file's own rules name where Sendmail's files put the chosen ones. */
function chosenMailers(rulesets: readonly Ruleset[]): ChosenMailers {
  const find = (ruleset: string, shape: RegExp): string | undefined =>
    rulesets
      .filter((set) => set.name === ruleset)
      .flatMap((set) => set.rules.map((rule) => shape.exec(rule.text)?.[1]))
      .findLast((name) => name !== undefined);
  return {
    local: find("Parse1", /^\$=L < @ \$=w \. > \$# ?([a-z][\w-]*) \$: @ \$1$/) ?? USUAL_MAILERS.local,
    esmtp:
      find("Parse1", /^\$\* < @\$\* > \$\* \$# ?([a-z][\w-]*) \$@ \$2 \$: \$1 < @ \$2 > \$3$/) ??
      USUAL_MAILERS.esmtp,
    relay:
      find("MailerToTriple", /^< \$\+ > \$\* \$# ?([a-z][\w-]*) \$@ \$1 \$: \$2$/) ?? USUAL_MAILERS.relay,
  };
}

/** Rules that somebody wrote, one note for those that follow one another. */
export function reportRules(config: SendmailConfig, where: string, rules: readonly Rule[]): void {
  const first = rules[0];
  if (first === undefined) return;
  const count = rules.length === 1 ? "a rule" : `${rules.length} rules`;
  const lines = lineList(rules.map((rule) => rule.origin));
  addNote(config, first.origin, `${where}: ${count} written by hand not carried over (${lines})`);
}

function sameVersion(version: string): boolean {
  const minor = (text: string) =>
    text
      .split(/[^\d.]/)[0]!
      .split(".")
      .slice(0, 2)
      .join(".");
  return minor(version) === minor(STOCK_VERSION);
}

/** `line 3`, `lines 3-5, 9`; a long list is cut. */
function lineList(origins: readonly Origin[]): string {
  const lines = [...new Set(origins.map((origin) => origin.line))].toSorted((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last !== undefined && line <= last[1] + 1) last[1] = line;
    else runs.push([line, line]);
  }
  const shown = runs.slice(0, MAX_RUNS).map(([from, to]) => (from === to ? String(from) : `${from}-${to}`));
  const more = runs.length > MAX_RUNS ? ` and ${runs.length - MAX_RUNS} more places` : "";
  return `${lines.length === 1 ? "line" : "lines"} ${shown.join(", ")}${more}`;
}

const MAX_RUNS = 12;

/** The hook that the DRAC instructions give, by its rules' texts; the last one may have been left out. */
const DRAC_HOOK = ["$* $: $&{client_addr}", "$+ $: $(drac $1 $: ? $)", "? $@ ?", "$+ $@ $#OK"];

/** The `Local_…` rulesets are empty in Sendmail's own files; the submission program's has rules that name its host. */
function judgeLocal(config: SendmailConfig, { name, rules }: Ruleset, stock: boolean): void {
  const kept: Rule[] = [];
  for (let i = 0; i < rules.length; ) {
    const hook = DRAC_HOOK.every((text, k) => rules[i + k]?.text === text);
    if (hook) {
      addFeature(config, "drac", [], rules[i]!.origin);
      i += DRAC_HOOK.length;
    } else kept.push(rules[i++]!);
  }
  const submission = stock && kept.some((rule) => /\$\{MTAHost\}/.test(rule.text));
  if (!submission && kept.length > 0) reportRules(config, `ruleset ${name}`, kept);
}
