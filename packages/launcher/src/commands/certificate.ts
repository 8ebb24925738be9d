/**
 * `mailhost certificate`: how things stand with the host's certificate, and getting one by ACME.
 *
 * A running host does the getting itself, as it has the port; the command tells it to and waits. Without one the command does it.
 */
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { wantedIdentity } from "@mailhost/common/daemon/identity";
import { UserError } from "@mailhost/common/errors";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG, EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE } from "@mailhost/common/sysexits";
import { settingsMark } from "../acme/acme-state.ts";
import type { Standing } from "../acme/get-certificate.ts";
import type { Outcome } from "../acme/renewal.ts";
import type { Terminal } from "../terminal.ts";

/** What is done. */
export interface CertificateArguments {
  readonly action: "status" | "get" | "renew";
  readonly json: boolean;
  readonly force: boolean;
}

/** How often the running host is asked whether it is done (ms), and for how long. */
const ASK_EVERY = 500;
const PATIENCE = 15 * 60_000;

const ORIGINS: Readonly<Record<Standing["origin"], string>> = {
  none: "none",
  "self-made": "made at the first start, signed by nobody",
  acme: "got by ACME",
  foreign: "put there by somebody else: left alone",
};

/**
 * Runs one of the commands.
 *
 * @returns the exit code: 69 from `status` when there is no certificate that is valid now
 * @throws UserError saying why there is no certificate
 */
export async function certificateCommand(
  site: Site,
  { action, json, force }: CertificateArguments,
  terminal: Pick<Terminal, "out" | "err">,
): Promise<number> {
  const { finishBegun, standing } = await import("../acme/get-certificate.ts");
  const settings = loadSettings(site);
  const now = () => standing(site, settings, systemClock.now());
  if (action === "status") return show(await now(), settings, { json, terminal });
  if (await needed(await now(), settings, { action, force }, terminal)) {
    const byHost = await askHost(site, force);
    if (byHost === undefined) {
      await finishBegun(site, settings);
      await getHere(site, settings, force);
    } else if (!byHost.ok)
      throw new UserError(byHost.error ?? "the host got no certificate", byHost.exitCode ?? EX_TEMPFAIL);
  }
  return show(await now(), settings, { json, terminal });
}

/** Whether an authority is to be asked. */
async function needed(
  { due, state }: Standing,
  settings: Settings,
  { action, force }: Pick<CertificateArguments, "action" | "force">,
  terminal: Pick<Terminal, "err">,
): Promise<boolean> {
  if (settings.acme.domains.length === 0) {
    const { hostname } = settings;
    throw new UserError(
      `acme.domains is empty: name the hosts that the certificate is for in the settings, such as domains: [${hostname}]`,
      EX_CONFIG,
    );
  }
  if (action === "renew" && !due.due) return false;
  const { failure } = state;
  const waits =
    failure !== undefined &&
    failure.nextAt > systemClock.now() &&
    (failure.byAuthority || (action === "renew" && failure.settings === settingsMark(settings)));
  if (waits && !force)
    throw new UserError(
      `${failure.error}; next try at ${new Date(failure.nextAt).toISOString()}`,
      EX_TEMPFAIL,
    );
  if (due.due) terminal.err(`mailhost: ${due.why}`);
  return true;
}

/** @returns undefined when no host runs, or none that we may speak to */
async function askHost(site: Site, force: boolean): Promise<Outcome | undefined> {
  const ask = (action: string) => sendControl(site, "certificate", undefined, { action, force });
  const begun = await ask("get");
  if (begun === undefined) return undefined;
  if (!begun.ok) return { ok: false, error: String(begun.error) };
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const state = await ask("progress");
    if (state === undefined)
      return { ok: false, error: "the host has ended meanwhile", exitCode: EX_TEMPFAIL };
    if (state.outcome !== undefined) return state.outcome as Outcome;
    await new Promise((resume) => setTimeout(resume, ASK_EVERY));
  }
  return { ok: false, error: "the host is still at it; its log tells more", exitCode: EX_TEMPFAIL };
}

async function getHere(site: Site, settings: Settings, force: boolean): Promise<void> {
  const { getCertificate } = await import("../acme/get-certificate.ts");
  const { challengeServer } = await import("../acme/challenge-server.ts");
  const answers = challengeServer(settings.acme.listen);
  const stopped = new AbortController();
  // The clock's timers keep no process alive.
  const alive = setInterval(() => undefined, 1 << 30);
  try {
    await getCertificate(
      {
        site,
        settings,
        answers,
        clock: systemClock,
        signal: stopped.signal,
        owner: wantedIdentity(site, settings.run, process.getuid?.() ?? 0),
        random: Math.random,
      },
      force,
    );
  } finally {
    clearInterval(alive);
    await answers.close();
  }
}

function show(
  { found, origin, due, state }: Standing,
  settings: Settings,
  { json, terminal }: { readonly json: boolean; readonly terminal: Pick<Terminal, "out"> },
): number {
  const iso = (ms: number) => new Date(ms).toISOString();
  const { failure } = state;
  const certificate = found.kind === "pair" ? found.certificate : undefined;
  const now = systemClock.now();
  const valid = certificate !== undefined && certificate.notBefore <= now && now < certificate.notAfter;
  const on = settings.acme.domains.length > 0;
  if (json) {
    terminal.out(
      JSON.stringify({
        certificate: found.kind,
        origin,
        valid,
        ...(found.kind === "broken" ? { why: found.why } : {}),
        ...(found.kind === "pair" ? { issuer: found.issuer, fingerprint: found.fingerprint } : {}),
        ...(certificate === undefined
          ? {}
          : {
              names: certificate.names,
              notBefore: iso(certificate.notBefore),
              notAfter: iso(certificate.notAfter),
            }),
        acme: on,
        ...(on ? { due: due.due, ...(due.due ? { why: due.why } : { dueAt: iso(due.at) }) } : {}),
        ...(failure === undefined
          ? {}
          : { lastError: failure.error, failures: failure.count, nextTry: iso(failure.nextAt) }),
      }),
    );
  } else {
    const row = (name: string, text: string) => terminal.out(`${name.padEnd(10)}${text}`);
    row("origin", found.kind === "broken" ? `not usable: ${found.why}` : ORIGINS[origin]);
    if (certificate !== undefined && found.kind === "pair") {
      row("names", certificate.names.join(", "));
      row("issuer", found.issuer);
      row("until", `${iso(certificate.notAfter)}${valid ? "" : " (not valid now)"}`);
    }
    if (!on) row("acme", "off: acme.domains is empty");
    else row("due", due.due ? `now: ${due.why}` : iso(due.at));
    if (failure !== undefined) {
      row("failed", `${iso(failure.at)}: ${failure.error}`);
      row("next try", iso(failure.nextAt));
    }
  }
  return valid ? EX_OK : EX_UNAVAILABLE;
}
