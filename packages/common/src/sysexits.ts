/**
 * Exit codes of the commands, as in sysexits(3).
 */

export const EX_OK = 0;
/** Wrong usage of the command line. */
export const EX_USAGE = 64;
/** The input data was wrong. */
export const EX_DATAERR = 65;
/** An input file is missing or unreadable. */
export const EX_NOINPUT = 66;
export const EX_NOUSER = 67;
export const EX_NOHOST = 68;
export const EX_UNAVAILABLE = 69;
export const EX_SOFTWARE = 70;
export const EX_OSERR = 71;
export const EX_OSFILE = 72;
/** An output file cannot be made. */
export const EX_CANTCREAT = 73;
export const EX_IOERR = 74;
/** A failure that may pass; try again. */
export const EX_TEMPFAIL = 75;
export const EX_PROTOCOL = 76;
export const EX_NOPERM = 77;
export const EX_CONFIG = 78;
