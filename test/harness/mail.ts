/**
 * Messages for tests.
 */

/** A short message with the header a client would give it. */
export function mailText(subject: string, body = "A line of text.\r\n"): string {
  return [
    "From: Wang <wang@linuxaid.com.cn>",
    "To: somebody",
    `Subject: ${subject}`,
    "Date: Tue, 24 Nov 2026 21:59:01 +0800",
    `Message-ID: <${subject.replaceAll(/\W+/g, "-")}@client.test>`,
    "",
    body,
  ].join("\r\n");
}
