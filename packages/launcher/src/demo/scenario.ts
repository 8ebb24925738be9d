/**
 * The article's scenario, step by step. Each step says what it expects and what it saw.
 */
import { type LineDialogue, openDialogue, type Way } from "./line-dialogue.ts";
import { fetchAll } from "./pop3-client.ts";
import { type Reply, sendMail } from "./smtp-client.ts";

/** Where the host is, and what is outside. */
export interface ScenarioParts {
  readonly smtpPort: number;
  readonly smtpsPort: number;
  readonly pop3Port: number;
  /** The host's certificate, PEM. */
  readonly certificate: string;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
  /** The next message that arrives outside. */
  nextOutside(): Promise<string[]>;
}

/** One step: its word, and what happened. */
export interface Step {
  readonly word: "submitted" | "refused" | "delivered" | "fetched" | "relayed";
  readonly run: () => Promise<string>;
}

/** Something else happened than what should. */
export class Deviation extends Error {
  override readonly name = "Deviation";

  constructor(expected: string, found: string) {
    super(`expected ${expected}, found ${found}`);
  }
}

/** A computer of the LAN, one of the outside that is no neighbour of ours, and one that a user has with her on the road. */
const INSIDE = "127.0.0.1";
const OUTSIDE = "127.0.0.9";
const ROAD = "127.0.0.8";
const STRANGER = "someone@outside.example";

/** How long a delivery may take (ms). */
const DELIVERY_LIMIT = 20_000;
const POLL = 20;

/** The steps in their order. */
export function scenario(parts: ScenarioParts): Step[] {
  const { domain, user } = parts;
  const home = `${user}@${domain}`;
  const send = (from: string, sender: string, to: string, subject: string) =>
    conversation({ port: parts.smtpPort, from }, (d) =>
      sendMail(d, { from: sender, to, lines: letter(sender, to, subject) }),
    );
  const tls = { name: `mail.${domain}`, certificate: parts.certificate };
  const sendOverTls = (login: { login?: { user: string; password: string } }) => {
    const mail = { from: home, to: STRANGER, lines: letter(home, STRANGER, "with a password"), ...login };
    return conversation({ port: parts.smtpsPort, from: ROAD, tls }, (d) => sendMail(d, mail));
  };
  const expect = async (step: Promise<Reply>, code: number, pattern: RegExp, what: string) => {
    const reply = await step;
    if (reply.code !== code || !pattern.test(reply.text)) throw new Deviation(what, `"${reply.text}"`);
    return reply.text;
  };
  return [
    {
      word: "submitted",
      run: async () => {
        const text = await expect(
          send(INSIDE, home, home, "to a colleague"),
          250,
          /^250 2\./,
          "250 from the LAN",
        );
        return `from ${INSIDE}, which access lets relay: "${text}"`;
      },
    },
    {
      word: "refused",
      run: async () => {
        const denied = /^550 5\.7\.1 .*Relaying denied/;
        const attempt = send(OUTSIDE, "spammer@elsewhere.example", STRANGER, "no relay");
        const text = await expect(attempt, 550, denied, '"550 5.7.1 <…>... Relaying denied" for a stranger');
        return `from ${OUTSIDE} to another host: "${text}"`;
      },
    },
    {
      word: "delivered",
      run: async () => {
        const attempt = send(
          OUTSIDE,
          "friend@elsewhere.example",
          `postmaster@${domain}`,
          "to the postmaster",
        );
        await expect(attempt, 250, /^250 2\./, "250 for mail to our own postmaster");
        return `postmaster -> root -> ${user}; both messages are in ${user}'s mailbox`;
      },
    },
    {
      word: "refused",
      run: async () => {
        const what = '"530 5.7.0 Authentication required" without a password';
        const text = await expect(sendOverTls({}), 530, /^530 5\.7\.0 /, what);
        return `from ${ROAD}, ${user} on the road, over TLS and without her password: "${text}"`;
      },
    },
    {
      word: "relayed",
      run: async () => {
        const attempt = sendOverTls({ login: { user, password: parts.password } });
        await expect(attempt, 250, /^250 2\./, "250 after AUTH over TLS");
        await arrival(parts, "with a password");
        return `from ${ROAD}, ${user} with her password (AUTH over TLS), to ${STRANGER}: it arrived there`;
      },
    },
    {
      word: "fetched",
      run: async () => {
        const messages = await fetchBoth(parts);
        return `${messages} messages over POP3 from ${OUTSIDE}, each as it was sent`;
      },
    },
    {
      word: "relayed",
      run: async () => {
        const attempt = send(OUTSIDE, home, STRANGER, "from the road");
        await expect(attempt, 250, /^250 2\./, "250 after fetching (POP before SMTP)");
        await arrival(parts, "from the road");
        return `from ${OUTSIDE}, which has just fetched mail, to ${STRANGER}: it arrived there`;
      },
    },
  ];
}

function letter(from: string, to: string, subject: string): string[] {
  return [
    `From: <${from}>`,
    `To: <${to}>`,
    `Subject: ${subject}`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    // As bytes: the dialogue sends Latin-1, so that these are the UTF-8 octets of a greeting.
    Buffer.from("您好, mailhost").toString("latin1"),
    "From here on, a line that looks like a separator,",
    ".and one that begins with a dot.",
  ];
}

/** Waits for the message outside. */
async function arrival(parts: ScenarioParts, subject: string): Promise<void> {
  const arrived = await withLimit(parts.nextOutside(), "the message outside");
  if (!arrived.includes(`Subject: ${subject}`))
    throw new Deviation("the same message outside", arrived.join("\n"));
}

async function conversation<T>(
  way: Omit<Way, "host">,
  talk: (dialogue: LineDialogue) => Promise<T>,
): Promise<T> {
  const dialogue = await openDialogue({ host: "127.0.0.1", ...way });
  try {
    return await talk(dialogue);
  } finally {
    dialogue.close();
  }
}

/** Fetches until both messages are there, and compares them with what was sent. Returns how many there are. */
async function fetchBoth(parts: ScenarioParts): Promise<number> {
  const wanted = ["Subject: to a colleague", "Subject: to the postmaster"];
  const end = Date.now() + DELIVERY_LIMIT;
  for (;;) {
    const fetch = (d: LineDialogue) => fetchAll(d, parts.user, parts.password);
    const messages = await conversation({ port: parts.pop3Port, from: OUTSIDE }, fetch);
    if (wanted.every((line) => messages.some((m) => m.includes(line)))) {
      const body = letter("", "", "").slice(-3).join("\n");
      const broken = messages.find((m) => m.slice(-3).join("\n") !== body);
      if (broken !== undefined) throw new Deviation("the message as it was sent", `\n${broken.join("\n")}`);
      return messages.length;
    }
    if (Date.now() > end) throw new Deviation("both messages in the mailbox", `${messages.length}`);
    await new Promise((done) => setTimeout(done, POLL));
  }
}

async function withLimit<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const seconds = DELIVERY_LIMIT / 1000;
    timer = setTimeout(() => reject(new Deviation(what, `nothing within ${seconds} s`)), DELIVERY_LIMIT);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
