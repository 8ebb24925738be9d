import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isGroupMember, wantedIdentity } from "../../src/daemon/identity.ts";
import { siteAt } from "../../src/site.ts";

const lists = () => ({
  passwd: "root:x:0:0:root:/root:/bin/sh\nmail:x:8:8:mail:/var/mail:/x\n# no:x:1:1\nvmail:x:500:501::/:/x\n",
  group: "root:x:0:\nmail:x:8:vmail\nvmail:x:501:\n",
});
const real = siteAt("/");
const other = siteAt("/srv/mail");

describe("who the daemons run as", () => {
  test("root at / becomes mail:mail", () => {
    assert.deepEqual(wantedIdentity(real, {}, 0, lists), { user: "mail", uid: 8, gid: 8 });
  });

  test("root at another root, and anybody but root, stays", () => {
    assert.equal(wantedIdentity(other, {}, 0, lists), undefined);
    assert.equal(wantedIdentity(real, { user: "vmail" }, 1000, lists), undefined);
  });

  test("the settings win; a user brings its own group along", () => {
    assert.deepEqual(wantedIdentity(other, { user: "vmail" }, 0, lists), {
      user: "vmail",
      uid: 500,
      gid: 501,
    });
    assert.deepEqual(wantedIdentity(real, { user: "vmail", group: "mail" }, 0, lists), {
      user: "vmail",
      uid: 500,
      gid: 8,
    });
    assert.deepEqual(wantedIdentity(other, { group: "mail" }, 0, lists), { user: "root", uid: 0, gid: 8 });
  });

  test("an unknown name is a fault of the settings", () => {
    const unknown = { exitCode: 78, message: /no user "post".*run\.user in \/etc\/mail\/mailhost\.yaml/ };
    assert.throws(() => wantedIdentity(real, { user: "post" }, 0, lists), unknown);
    assert.throws(() => wantedIdentity(real, { group: "post" }, 0, lists), /no group "post"/);
  });
});

test("members of a group by number", () => {
  const text = "root:x:0:\nstaff:x:50:joe,amy\nstaffs:x:51:joey\n";
  assert.equal(isGroupMember(text, 50, "joe"), true);
  assert.equal(isGroupMember(text, 50, "joey"), false);
  assert.equal(isGroupMember(text, 51, "joe"), false);
  assert.equal(isGroupMember(text, 0, ""), false);
});
