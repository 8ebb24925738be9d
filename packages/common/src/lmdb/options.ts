/**
 * Options of LMDB environments that several processes write, as all of ours: daemons, commands, POP3 servers that inetd starts.
 */

/**
 * Each commit reads the list of free pages anew, as in plain LMDB. By default lmdb keeps it from one commit to the next, and writes it in
 * parts; beside other processes that write, one of which was killed, that has left a page in it that was in use. It costs nothing
 * that can be measured. The option is described, but not in lmdb's types.
 */
export const SHARED_ENVIRONMENT = { maxFreeSpaceToRetain: 0 } as const;
