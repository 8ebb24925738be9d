/**
 * The mechanisms that there are, the better first: clients that take the first they know take the best.
 */
import { CRAM_MD5 } from "./cram-md5.ts";
import { LOGIN } from "./login.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { PLAIN } from "./plain.ts";

/** All of them. */
export const SASL_MECHANISMS: readonly SaslMechanism[] = [CRAM_MD5, PLAIN, LOGIN];
