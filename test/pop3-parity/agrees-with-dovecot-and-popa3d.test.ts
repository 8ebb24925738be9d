/**
 * mailhost beside Dovecot's pop3 and popa3d on the same mailboxes: STAT, LIST, RETR and TOP are the same bytes, or the difference is
 * a known one with its reason.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { PASSWORD, startHost } from "../harness/host.ts";
import { needs } from "../harness/programs.ts";
import { compare, countSeenAs, type Seen, seenAs } from "./compare.ts";
import { BYTE_DIFFERENCES, COUNT_DIFFERENCES, type Peer, SIZE_DIFFERENCE } from "./known-differences.ts";
import { type Mailbox, mailboxes, SEED } from "./mailboxes.ts";
import { observe, type Shown } from "./observe.ts";
import { type Server, startDovecot, startPopa3d } from "./peers.ts";

const USERS = ["wang", "li"] as const;
const SHOWN = 15;

test(
  "mailhost shows a mailbox as Dovecot and popa3d do",
  needs("dovecot", "popa3d", "unshare"),
  async (t) => {
    const host = await startHost(t, { users: USERS });
    const mbox = (user: string) => host.path(`var/spool/mail/${user}`);
    host.write(`var/spool/mail/${USERS[0]}`, "");
    const ours: Server = {
      pop3: host.pop3,
      password: PASSWORD,
      fill: (user, bytes) => writeFileSync(mbox(user), bytes),
    };
    const peers = { dovecot: await startDovecot(t), popa3d: await startPopa3d(t, USERS) } as const;
    const boxes = mailboxes();
    const seen = new Set<Seen>();
    const unknown: string[] = [];
    const inconsistent: string[] = [];

    // Two mailboxes at a time: the servers work while the comparison does.
    const lane = async (user: string, turn: number) => {
      /** Resolves with the peers that take the same for messages. */
      const byPeers = async (box: Mailbox, shown: Shown, whom: readonly Peer[]) => {
        const agreeing: Peer[] = [];
        for (const peer of whom) {
          const theirs = await observed(peers[peer], user, box.bytes);
          unknown.push(...compare(box, shown, peer, theirs, seen));
          if (theirs?.messages.length === shown.messages.length) agreeing.push(peer);
        }
        return agreeing;
      };
      for (const [i, box] of boxes.entries()) {
        if (i % USERS.length !== turn) continue;
        const before = await observe(ours, user, box.bytes, everyOther);
        const after = await observe(ours, user, undefined);
        inconsistent.push(...ownFaults(box.name, before, after));
        const agreeing = await byPeers(box, before, ["dovecot", "popa3d"]);
        // What mailhost left is compared too: the peers see the messages that stayed, as mailhost does.
        if (after.messages.length > 0)
          await byPeers({ name: `${box.name}, the rest`, bytes: readFileSync(mbox(user)) }, after, agreeing);
      }
    };
    await Promise.all(USERS.map(lane));

    await t.test(
      "LIST, RETR, TOP and UIDL agree with each other, and what was not deleted stays as it was",
      () => {
        assert.deepEqual(inconsistent.slice(0, SHOWN), []);
      },
    );
    await t.test(`${boxes.length} mailboxes are shown alike (seed ${SEED})`, () => {
      assert.ok(boxes.length > 250);
      assert.deepEqual(unknown.slice(0, SHOWN), []);
    });
    await t.test("every known difference is still seen", () => {
      const known = [
        ...BYTE_DIFFERENCES.flatMap((d) => d.peers.map((peer) => seenAs(peer, d))),
        ...(["dovecot", "popa3d"] as const).map((peer) => seenAs(peer, SIZE_DIFFERENCE)),
        ...COUNT_DIFFERENCES.map(countSeenAs),
      ];
      assert.deepEqual(
        known.filter((name) => !seen.has(name)),
        [],
      );
    });
  },
);

const everyOther = (count: number) => Array.from({ length: Math.ceil(count / 2) }, (_, i) => 2 * i + 1);

/** Undefined when the server refuses the mailbox, at the login or at the first command. */
async function observed(server: Server, user: string, bytes: Buffer): Promise<Shown | undefined> {
  try {
    return await observe(server, user, bytes);
  } catch (error) {
    if (/^login of|connection ended|ECONNRESET|EPIPE/.test((error as Error).message)) return undefined;
    throw error;
  }
}

/** What a server must get right whatever others do. */
function ownFaults(name: string, before: Shown, after: Shown): string[] {
  const found: string[] = [];
  for (const { stat, messages, uids } of [before, after]) {
    const sum = messages.reduce((all, { octets }) => all + octets, 0);
    if (stat !== `${messages.length} ${sum}`)
      found.push(`${name}: STAT ${stat}, LIST ${messages.length} ${sum}`);
    if (uids !== messages.length) found.push(`${name}: ${uids} ids for ${messages.length} messages`);
    for (const [i, { octets, bytes, tops }] of messages.entries()) {
      if (octets !== bytes.length) found.push(`${name}: ${i + 1}: LIST ${octets}, RETR ${bytes.length}`);
      if (tops.some((top) => !bytes.subarray(0, top.length).equals(top)))
        found.push(`${name}: ${i + 1}: TOP is no part of RETR`);
    }
  }
  const stayed = before.messages.filter((_, i) => i % 2 === 1);
  if (stayed.length !== after.messages.length)
    found.push(`${name}: ${stayed.length} stayed, ${after.messages.length} are there`);
  else if (stayed.some(({ bytes }, i) => !bytes.equals(after.messages[i]!.bytes)))
    found.push(`${name}: what stayed has changed`);
  return found;
}
