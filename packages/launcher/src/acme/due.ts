/**
 * Whether a certificate is due to be fetched: it is missing, does not name every name that it is to name, or comes to its end. Pure.
 */

/** What is known of the certificate that is there. */
export interface CertificateFacts {
  /** Its DNS names, lower case. */
  readonly names: readonly string[];
  /** ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** What it is to be. */
export interface Wanted {
  /** Lower case. */
  readonly names: readonly string[];
  /** How long before its end a certificate is renewed (ms). */
  readonly renewBefore: number;
}

/** Due and why, or when it will be. */
export type Due = { readonly due: true; readonly why: string } | { readonly due: false; readonly at: number };

/**
 * Judges a certificate.
 *
 * A certificate that lives for less than three times `renewBefore` is renewed in the last third of its life: else one of six days
 * would be asked for again and again.
 *
 * @param found undefined: there is none that could be used
 * @param now ms since 1970
 */
export function certificateDue(found: CertificateFacts | undefined, wanted: Wanted, now: number): Due {
  if (found === undefined) return { due: true, why: "there is no certificate from an authority" };
  const lacking = wanted.names.filter((name) => !found.names.includes(name));
  if (lacking.length > 0) return { due: true, why: `the certificate does not name ${lacking.join(", ")}` };
  const at = found.notAfter - Math.min(wanted.renewBefore, (found.notAfter - found.notBefore) / 3);
  if (now < at) return { due: false, at };
  const end = new Date(found.notAfter).toISOString().slice(0, 10);
  return { due: true, why: `the certificate ${found.notAfter <= now ? "ended" : "ends"} on ${end}` };
}
