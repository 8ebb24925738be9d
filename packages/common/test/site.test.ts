import assert from "node:assert/strict";
import test from "node:test";
import { DEFAULT_ROOT, type Site, siteAt, sitePath } from "../src/site.ts";

const folders = (site: Site) => site.mailboxFolders().map(({ path }) => path);

test("every path hangs below the root", () => {
  const site = siteAt("/srv/mail/");
  assert.equal(site.root, "/srv/mail");
  assert.equal(site.settingsFile, "/srv/mail/etc/mail/mailhost.yaml");
  assert.equal(site.controlSocket, "/srv/mail/run/mailhost.sock");
  const paths = Object.values(site).flatMap((path) =>
    typeof path !== "function" ? path : path === site.mailboxFolders ? folders(site) : path("wang"),
  );
  for (const path of paths) assert.ok(String(path).startsWith("/srv/mail"), String(path));
  assert.equal(siteAt(DEFAULT_ROOT).spoolDir, "/var/spool/mail");
});

test("paths of the settings: relative ones below the root, absolute ones as they are", () => {
  const site = siteAt("/srv/mail");
  assert.equal(sitePath(site, "etc/mail/tls/cert.pem"), "/srv/mail/etc/mail/tls/cert.pem");
  assert.equal(sitePath(site, "/etc/ssl/cert.pem"), "/etc/ssl/cert.pem");
});
