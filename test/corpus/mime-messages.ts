/**
 * Messages as mail programs write them: the forms of MIME (RFC 2045 to 2049), calendars, signatures, lists, attachments.
 */
import type { CorpusMessage } from "./corpus.ts";
import { type Random, randomFrom } from "./random.ts";

const COMMON =
  "Date: Tue, 24 Nov 2026 21:59:01 +0800\r\nFrom: =?UTF-8?B?546L?= <wang@linuxaid.com.cn>\r\n" +
  'To: <friend@example.net>, "Li, \\"the other\\"" <li@linuxaid.com.cn>\r\nMIME-Version: 1.0\r\n';

interface Part {
  readonly type: string;
  readonly encoding?: string;
  readonly more?: string;
  readonly body: string;
}

function partText(part: Part): string {
  const encoding = part.encoding === undefined ? "" : `Content-Transfer-Encoding: ${part.encoding}\r\n`;
  return `Content-Type: ${part.type}\r\n${encoding}${part.more ?? ""}\r\n${part.body}`;
}

function multipart(kind: string, boundary: string, parts: readonly Part[]): Part {
  const body = parts.map((part) => `--${boundary}\r\n${partText(part)}\r\n`).join("");
  return {
    type: `multipart/${kind}; boundary="${boundary}"`,
    body: `preamble\r\n${body}--${boundary}--\r\nepilogue\r\n`,
  };
}

/** Base64 in lines of 76. */
function base64(bytes: Buffer, lineEnd = "\r\n"): string {
  return bytes.toString("base64").replaceAll(/.{76}/g, (line) => line + lineEnd);
}

function message(name: string, part: Part): CorpusMessage {
  return {
    name: `MIME: ${name}`,
    bytes: Buffer.from(`${COMMON}Subject: ${name}\r\n${partText(part)}`, "latin1"),
  };
}

const PLAIN: Part = { type: "text/plain; charset=us-ascii", body: "Hello,\r\n\r\nplain.\r\n-- \r\nWang\r\n" };
const HTML: Part = {
  type: "text/html; charset=utf-8",
  encoding: "quoted-printable",
  body: '<p style=3D"x">=E4=BD=A0=E5=A5=BD=\r\n</p>\r\n',
};

function textForms(): CorpusMessage[] {
  return [
    message("plain text", PLAIN),
    message("html", HTML),
    message("quoted-printable with soft breaks and encoded dots", {
      type: "text/plain; charset=utf-8",
      encoding: "quoted-printable",
      body: "=2E\r\n=46rom x\r\nlong=\r\n=20line=\r\n\r\ntrailing=20\r\n",
    }),
    message("format=flowed with From", {
      type: "text/plain; format=flowed",
      body: " From stuffed\r\nflowed \r\nfrom\r\n",
    }),
    message("8bit in GB18030", {
      type: "text/plain; charset=gb18030",
      encoding: "8bit",
      body: "\xc4\xe3\xba\xc3\r\n",
    }),
    message("8bit in Big5", { type: "text/plain; charset=big5", encoding: "8bit", body: "\xa7A\xa6n\\\r\n" }),
    message("ISO-2022-JP", {
      type: "text/plain; charset=iso-2022-jp",
      encoding: "7bit",
      body: "\x1b$B$3$s\x1b(B\r\n",
    }),
    message("binary", {
      type: "application/octet-stream",
      encoding: "binary",
      body: "\0\x01\xff.\r\n.\r\n\xfe",
    }),
    message("a calendar with folded lines", {
      type: "text/calendar; method=REQUEST",
      body: "BEGIN:VCALENDAR\r\nSUMMARY:long\r\n  folded\r\nEND:VCALENDAR\r\n",
    }),
    message("a patch", {
      type: "text/x-patch",
      body: "--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@\r\n-.\r\n+From\r\n.\r\n",
    }),
    message("uuencode", { type: "text/plain", body: "begin 644 x\r\n#0V%T\r\n`\r\nend\r\n" }),
    message("no boundary where one is needed", { type: "multipart/mixed", body: "--x\r\n\r\nlost\r\n" }),
  ];
}

function nestedForms(): CorpusMessage[] {
  const alternative = multipart("alternative", "=_alt", [PLAIN, HTML]);
  const forwarded: Part = {
    type: "message/rfc822",
    body: `${COMMON}Subject: inner\r\n\r\nFrom inside\r\n.\r\n`,
  };
  let deep: Part = PLAIN;
  for (let level = 0; level < 50; level++) deep = multipart("mixed", `level-${level}`, [deep]);
  return [
    message("alternative", alternative),
    message("related in mixed", multipart("mixed", "out", [multipart("related", "in", [HTML]), PLAIN])),
    message("a forwarded message", multipart("mixed", "fw", [PLAIN, forwarded])),
    message("a digest", multipart("digest", "dg", [forwarded, forwarded, forwarded])),
    message(
      "a signed message",
      multipart('signed; micalg=pgp-sha256; protocol="application/pgp-signature"', "sig", [
        PLAIN,
        {
          type: "application/pgp-signature",
          body: "-----BEGIN PGP SIGNATURE-----\r\n\r\niQ==\r\n-----END PGP SIGNATURE-----\r\n",
        },
      ]),
    ),
    message(
      "a delivery report",
      multipart("report; report-type=delivery-status", "rep", [
        PLAIN,
        {
          type: "message/delivery-status",
          body: "Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; y\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        },
        forwarded,
      ]),
    ),
    message("fifty levels deep", deep),
    message(
      "two hundred small parts",
      multipart(
        "mixed",
        "many",
        Array.from({ length: 200 }, () => PLAIN),
      ),
    ),
    message("a boundary that looks like a dot", multipart("mixed", ".", [PLAIN, HTML])),
  ];
}

function attachments(random: Random): CorpusMessage[] {
  const file = (size: number, name: string): Part => ({
    type: `application/octet-stream; name="${name}"`,
    encoding: "base64",
    more: `Content-Disposition: attachment; filename*=UTF-8''${encodeURIComponent(name)}\r\n`,
    body: base64(random.bytes(size)),
  });
  return [
    message("a small attachment", multipart("mixed", "att", [PLAIN, file(100, "报告.pdf")])),
    message("an attachment of 1 MiB", multipart("mixed", "att", [PLAIN, file(1024 ** 2, "big.bin")])),
    message(
      "three attachments of 400 KiB",
      multipart("mixed", "att", [file(409_600, "1"), file(409_600, "2"), file(409_600, "3")]),
    ),
    message("1 MiB of 8-bit octets in short lines", {
      type: "application/octet-stream",
      encoding: "8bit",
      body: eightBit(random),
    }),
    message("base64 in one line of 96 KiB", {
      type: "image/png",
      encoding: "base64",
      body: random.bytes(72_000).toString("base64"),
    }),
    message("base64 with bare LF", {
      type: "image/png",
      encoding: "base64",
      body: base64(random.bytes(5000), "\n"),
    }),
  ];
}

function eightBit(random: Random): string {
  const line = () => `${random.bytes(90, 33, 255).toString("latin1")}\r\n`;
  const block = Array.from({ length: 100 }, line).join("");
  return block.repeat(Math.ceil(1024 ** 2 / block.length));
}

/** All of them. */
export function mimeMessages(): readonly CorpusMessage[] {
  return [...textForms(), ...nestedForms(), ...attachments(randomFrom(1))];
}
