/**
 * The class of a message by its Precedence field, as stock Sendmail's P lines give it: mail of a lower class waits longer in
 * the order of the queue, and comes back without its body.
 */

const CLASSES: ReadonlyMap<string, number> = new Map([
  ["first-class", 0],
  ["special-delivery", 100],
  ["list", -30],
  ["bulk", -60],
  ["junk", -100],
]);

/** A header's fields that were kept, as in the header filter's summary. */
export interface KeptFields {
  readonly values: readonly { readonly name: string; readonly text: string }[];
}

/** The member `precedence` of a new message; none for class 0 and for words that nobody knows. */
export function precedenceOf({ values }: KeptFields): { precedence?: number } {
  const field = values.find(({ name }) => name === "precedence");
  const known = field === undefined ? undefined : CLASSES.get(field.text.trim().toLowerCase());
  return known === undefined || known === 0 ? {} : { precedence: known };
}
