/** Messages without MIME, whatever comes in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { htmlToText } from "../../src/mangle/html-text.ts";
import { parseMangleOrder } from "../../src/mangle/mangle-order.ts";
import { mangledMessage } from "../../src/mangle/mangled-message.ts";

test("orders are read in any case, with and without parameters", () => {
  assert.deepEqual(parseMangleOrder("MANGLE"), { text: "plain" });
  assert.deepEqual(parseMangleOrder("X-Mangle(Text=HTML;Headers=From:,SUBJECT)"), {
    text: "html",
    headers: new Set(["from", "subject"]),
  });
  assert.deepEqual(parseMangleOrder("mangle(lang=en;text=flowed)"), { text: "plain" });
  for (const word of ["mangled", "mangle(text)", "mangle(text=rtf)", "mangle(=x)", "mangle x", ""]) {
    assert.equal(parseMangleOrder(word), undefined, word);
  }
});

test("HTML becomes the text that a reader would see", () => {
  assert.equal(
    htmlToText("<style>x</style><h1>A &amp; B</h1><p>one<br>two &#20320;&bogus;</p><!-- <p>no --><td>c</td>"),
    "A & B\n\none\ntwo 你&bogus;\n c".replace("\n c", "\nc"),
  );
});

test("hostile nesting ends, and soon", () => {
  const nested = Array.from(
    { length: 5000 },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`,
  );
  const many = `Content-Type: multipart/mixed; boundary=b\n\n${"--b\n\nx\n".repeat(100_000)}`;
  const tags = `Content-Type: text/html\n\n${"<script".repeat(100_000)}${"<".repeat(100_000)}`;
  const before = process.cpuUsage();
  for (const text of [nested.join(""), many, tags]) mangledMessage(Buffer.from(text), 10, { text: "plain" });
  assert.ok(process.cpuUsage(before).user < 5_000_000);
});

test("no bytes make it fail, and its header has one empty line", () => {
  const piece = fc.constantFrom(
    "Content-Type: multipart/mixed; boundary=b\n",
    "Content-Type: text/html; charset=gbk\n",
    "Content-Type: message/rfc822\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "--b\n",
    "--b--\n",
    "\n",
    "<p>",
    "=\n",
    "=E4",
    "\xff\x00",
    "From x\n",
    "Subject: s\n",
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }),
      fc.constantFrom("plain" as const, "html" as const),
      (pieces, text) => {
        const message = Buffer.from(pieces.join(""), "latin1");
        const blank = message.indexOf("\n\n");
        const { bytes, bodyAt } = mangledMessage(message, blank < 0 ? message.length : blank + 2, { text });
        assert.equal(bytes.indexOf("\n\n") === bodyAt - 2 || bodyAt === 1, true);
      },
    ),
  );
});
