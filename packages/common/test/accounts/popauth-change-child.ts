/** Adds five secrets, one after the other, beside other processes that do the same. */
import { changePopauth } from "../../src/accounts/popauth-file.ts";
import { siteAt } from "../../src/site.ts";

const [root = "", name = ""] = process.argv.slice(2);
for (let i = 0; i < 5; i++) {
  await changePopauth(siteAt(root), (before) => new Map([...before, [`${name}${i}`, Buffer.from(`s${i}`)]]));
}
