/**
 * Addresses that nobody reaches from outside. Pure.
 */

const PRIVATE =
  /^(?:10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|(?:0:){7}1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i;

/** Whether an address is of a private network, this machine's own, or of its link (RFC 1918, RFC 6598, RFC 4193, RFC 4291). */
export function isPrivate(address: string): boolean {
  return PRIVATE.test(address);
}
