/**
 * Every combination of port, encryption, network, AUTH, POP before SMTP, sender and recipient, each asked of a running server.
 * What is expected is written down here as a person would say it, and not taken from the server's code.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Encryption, logIn, openEncrypted } from "../harness/encrypted-smtp.ts";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import type { Reply, SmtpClient } from "../harness/smtp-client.ts";

/** Where clients come from; each has an address of its own. */
const NETWORKS = {
  "this host": "127.0.0.1",
  "a RELAY network of access": "127.0.0.2",
  "a network of relay-domains": "127.0.0.4",
  "an address with OK in access": "127.0.0.5",
  "an address with REJECT in access": "127.0.0.6",
  "the world": "127.0.0.9",
  "the world, mail was fetched": "127.0.0.10",
} as const;
type Network = keyof typeof NETWORKS;

const PORTS = ["25", "587", "465"] as const;
const LOGINS = ["none", "wrong password", "right password"] as const;
const SENDERS = {
  own: "wang@linuxaid.com.cn",
  "a colleague's": "li@linuxaid.com.cn",
  foreign: "x@example.org",
  null: "",
} as const;
const RECIPIENTS = {
  ours: "li@linuxaid.com.cn",
  "in the world": "friend@example.net",
  "through us": "friend%example.net@linuxaid.com.cn",
  "in a domain that we relay for": "joe@partner.test",
} as const;

interface Row {
  readonly port: (typeof PORTS)[number];
  readonly encryption: Encryption;
  readonly network: Network;
  readonly login: (typeof LOGINS)[number];
  readonly sender: keyof typeof SENDERS;
  readonly recipient: keyof typeof RECIPIENTS;
}

/** The rules. */
function expected({ port, encryption, network, login, sender, recipient }: Row): RegExp {
  if (network === "an address with REJECT in access") return /^MAIL 550 5\.7\.1 Access denied/;
  const isOurs =
    network === "this host" ||
    network === "a RELAY network of access" ||
    network === "a network of relay-domains";
  // A password is taken where nobody can read it along, and within our own networks.
  const loggedIn = login === "right password" && (encryption !== "none" || isOurs);
  // The submission ports are for those who have a password, and for our own networks.
  if (port !== "25" && !loggedIn && !isOurs) return /^MAIL 530 5\.7\.0 Authentication required/;
  // Whoever has logged in is itself.
  if (loggedIn && (sender === "a colleague's" || sender === "foreign")) return /^MAIL 553 5\.7\.1 /;
  const hasFetched = network === "the world, mail was fetched" && port === "25";
  const mayRelay = loggedIn || isOurs || hasFetched;
  if (recipient === "ours" || recipient === "in a domain that we relay for") return /^RCPT 250 /;
  if (!mayRelay) {
    const helps = encryption !== "none" ? " Proper authentication required\\." : "";
    return new RegExp(
      `^RCPT 550 5\\.7\\.1 <.*>\\.\\.\\. Relaying denied${helps === "" ? "" : `\\.${helps}`}$`,
    );
  }
  // A local part with a route in it leads nowhere, for nobody.
  return recipient === "in the world" ? /^RCPT 250 / : /^RCPT 550 5\.1\.1 .*User unknown/;
}

test("who may relay: every combination that decides it", { timeout: 300_000 }, async (t) => {
  const host = await startHost(t, {
    users: ["wang", "li"],
    files: {
      "etc/mail/access":
        "Connect:127.0.0.2 RELAY\nConnect:127.0.0.5 OK\nConnect:127.0.0.6 REJECT\nlinuxaid.com.cn OK\n",
      "etc/mail/relay-domains": "127.0.0.4\npartner.test\n",
    },
    settings: {
      smtp: { smtps: ["127.0.0.1:0"] },
      tls: { selfSigned: true },
      pop3: { clearTextPassword: "always" },
      bans: { enabled: false },
    },
    zone: { "example.org": { a: ["127.0.0.91"] }, "example.net": { a: ["127.0.0.90"] } },
  });
  const pop3 = await openPop3(host.pop3, { from: NETWORKS["the world, mail was fetched"] });
  assert.match(await pop3.login("wang", PASSWORD), /^\+OK/);
  await pop3.quit();
  await host.logged(/wang/);

  const wrong: string[] = [];
  let rows = 0;
  // Networks side by side: a wrong password makes only its own address wait.
  await Promise.all(
    (Object.keys(NETWORKS) as Network[]).map(async (network) => {
      for (const port of PORTS) {
        for (const encryption of port === "465" ? (["implicit"] as const) : (["none", "STARTTLS"] as const)) {
          for (const login of LOGINS) {
            await session(host, { port, encryption, network, login }, (row, answer) => {
              rows += 1;
              if (!expected(row).test(answer))
                wrong.push(`${Object.values(row).join(" | ")}: ${answer}, expected ${expected(row)}`);
            });
          }
        }
      }
    }),
  );
  assert.deepEqual(wrong, []);
  assert.equal(rows, 7 * 5 * 3 * 4 * 4);
});

/** All senders and recipients, over one connection where that is possible: whoever is told no too often is let go. */
async function session(
  host: MailHost,
  about: Pick<Row, "port" | "encryption" | "network" | "login">,
  told: (row: Row, answer: string) => void,
): Promise<void> {
  const [endpoint] = host.listening({ 25: "smtp", 587: "submission", 465: "smtps" }[about.port]);
  const open = async () => {
    const client = await openEncrypted(endpoint!, about.encryption, { from: NETWORKS[about.network] });
    if (about.login !== "none") await checkLogin(client, about);
    return client;
  };
  let client = await open();
  for (const sender of Object.keys(SENDERS) as (keyof typeof SENDERS)[]) {
    for (const recipient of Object.keys(RECIPIENTS) as (keyof typeof RECIPIENTS)[]) {
      told({ ...about, sender, recipient }, await ask(client, SENDERS[sender], RECIPIENTS[recipient]));
      if (about.network !== "an address with REJECT in access") continue;
      client.close();
      client = await open();
    }
  }
  client.close();
}

async function checkLogin(
  client: SmtpClient,
  { encryption, network, login }: Pick<Row, "encryption" | "network" | "login">,
): Promise<void> {
  const reply = await logIn(client, "wang", login === "right password" ? PASSWORD : "wrong");
  const ours = expected({
    port: "587",
    encryption: "none",
    network,
    login: "none",
    sender: "own",
    recipient: "ours",
  });
  const taken = encryption !== "none" || ours.test("RCPT 250 ");
  if (network === "an address with REJECT in access") assert.equal(reply.code, 550);
  else if (!taken) assert.match(words(reply), /^538 5\.7\.11 Encryption required/);
  else assert.equal(reply.code, login === "right password" ? 235 : 535, `${network}: ${words(reply)}`);
}

/** The answer to MAIL when that is refused, else that to RCPT. */
async function ask(client: SmtpClient, sender: string, recipient: string): Promise<string> {
  const mail = await client.command(`MAIL FROM:<${sender}>`);
  if (mail.code !== 250) return `MAIL ${words(mail)}`;
  const answer = await client.command(`RCPT TO:<${recipient}>`);
  await client.command("RSET");
  return `RCPT ${words(answer)}`;
}

function words({ code, text }: Reply): string {
  return `${code} ${text}`;
}
