import assert from "node:assert/strict";
import { test } from "node:test";
import { mailboxPaths } from "../../src/mbox/mailboxes.ts";
import { siteAt } from "../../src/site.ts";

test("a mailbox and its companions hang below the site root", () => {
  assert.deepEqual(mailboxPaths(siteAt("/srv/x"), "li.ming"), {
    name: "li.ming",
    mbox: "/srv/x/var/spool/mail/li.ming",
    lock: "/srv/x/var/spool/mail/li.ming.lock",
    journal: "/srv/x/var/lib/mailhost/journal/li.ming",
    session: "/srv/x/var/lib/mailhost/sessions/li.ming",
  });
});

test("a name that could lead elsewhere is refused", () => {
  for (const name of ["", ".", "..", ".a", "a/b", "a..b", "a\0", "a.lock", "x".repeat(251)]) {
    assert.throws(() => mailboxPaths(siteAt("/"), name), { name: "MboxError", fault: "permission" }, name);
  }
});
