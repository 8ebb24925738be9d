/**
 * Keeps the certificate of a running host new: looks at it at the start and every 12 hours, gets a new one when it is due, and tries
 * again after a while, longer each time, when that fails. What an authority said of when it may be asked again holds across restarts.
 */
import type { Clock, Timer } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { settingsMark } from "./acme-state.ts";
import {
  type AttemptParts,
  type CertificateSettings,
  getCertificate,
  NO_AGREEMENT,
  type Standing,
  standing,
} from "./get-certificate.ts";

/** ms between two looks. */
const LOOK_EVERY = 12 * 3_600_000;

/** What the renewal needs. */
export interface RenewalParts extends Omit<AttemptParts, "settings" | "signal" | "clock"> {
  readonly site: Site;
  readonly settings: CertificateSettings;
  readonly log: Log;
  /** When to look again. */
  readonly clock: Clock;
  /** Waits within a conversation; `clock` when left out. */
  readonly waits?: Clock;
  /** Called when a new certificate is in its place. */
  readonly installed: () => void;
}

/** What the last attempt on demand came to. */
export interface Outcome {
  readonly ok: boolean;
  readonly error?: string;
  readonly exitCode?: number;
}

/** The renewal of a running host. */
export interface Renewal {
  /** Looks now, and from then on by itself. Resolves when that look, and what it led to, is over; never rejects. */
  look(): Promise<void>;
  /** Takes other settings and looks. */
  reload(settings: CertificateSettings): Promise<void>;
  /** Takes other settings for what comes next. */
  use(settings: CertificateSettings): void;
  /** Gets one whether it is due or not; `force` as getCertificate has it. Never rejects. */
  get(force: boolean): Promise<Outcome>;
  /** Whether an attempt is being made. */
  busy(): boolean;
  stop(): void;
}

/** Makes the renewal; nothing is done before `look`. */
export function certificateRenewal(parts: RenewalParts): Renewal {
  const { site, log, clock } = parts;
  const stopped = new AbortController();
  let settings = parts.settings;
  let timer: Timer | undefined;
  let running: Promise<Outcome> | undefined;
  /** What was said last of why nothing is done: it is not said every 12 hours. */
  let said = "";

  const sayOnce = (text: string) => {
    if (text !== said) log.write("warn", `acme: ${text}`);
    said = text;
  };
  const again = (ms: number) => {
    timer?.cancel();
    if (!stopped.signal.aborted) timer = clock.after(ms, () => void look());
  };

  const attempt = async (force: boolean): Promise<Outcome> => {
    log.write("info", `acme: asking for a certificate: ${settings.acme.directory}`);
    try {
      const now = await getCertificate(
        { ...parts, settings, signal: stopped.signal, clock: parts.waits ?? clock },
        force,
      );
      log.write("info", `acme: ${describe(now)}`);
      parts.installed();
      return { ok: true };
    } catch (error) {
      const exitCode = (error as { exitCode?: number }).exitCode;
      return { ok: false, error: messageOf(error), ...(exitCode === undefined ? {} : { exitCode }) };
    }
  };
  /** One attempt at a time: who comes meanwhile gets the outcome of that. */
  const only = (force: boolean): Promise<Outcome> => {
    running ??= attempt(force).finally(() => {
      running = undefined;
    });
    return running;
  };

  /** One look after the other: what one finds due, the next finds done. */
  let looks: Promise<void> = Promise.resolve();
  const look = (): Promise<void> => {
    looks = looks.then(lookOnce);
    return looks;
  };

  const lookOnce = async (): Promise<void> => {
    if (stopped.signal.aborted) return;
    again(LOOK_EVERY);
    if (settings.acme.domains.length === 0) return;
    try {
      await lookAt(await standing(site, settings, clock.now()));
    } catch (error) {
      sayOnce(messageOf(error));
    }
  };

  const lookAt = async ({ due, origin, found, state }: Standing): Promise<void> => {
    const now = clock.now();
    if (!due.due) {
      said = "";
      again(Math.min(LOOK_EVERY, Math.max(due.at - now, 1000)));
      return;
    }
    if (origin === "foreign") {
      const what = found.kind === "broken" ? found.why : due.why;
      sayOnce(
        `${what}, and what is there was not got here: it is left alone (\`mailhost certificate get --force\` replaces it)`,
      );
      return;
    }
    if (!settings.acme.agreeToTerms) {
      sayOnce(NO_AGREEMENT);
      return;
    }
    const { failure } = state;
    // Other settings may be right: only the authority's own word still holds.
    const holds =
      failure !== undefined && (failure.byAuthority || failure.settings === settingsMark(settings));
    if (holds && failure.nextAt > now) {
      again(Math.min(LOOK_EVERY, failure.nextAt - now));
      return;
    }
    log.write("info", `acme: ${due.why}`);
    const outcome = await only(false);
    if (outcome.ok || stopped.signal.aborted) return;
    const next = (await standing(site, settings, clock.now())).state.failure?.nextAt;
    const when = next === undefined ? "" : `; next try at ${new Date(next).toISOString()}`;
    log.write("error", `acme: no certificate: ${outcome.error}${when}`);
    if (next !== undefined) again(Math.min(LOOK_EVERY, Math.max(next - clock.now(), 1000)));
  };

  return {
    look,
    reload(next) {
      settings = next;
      said = "";
      return look();
    },
    use(next) {
      settings = next;
    },
    async get(force) {
      const outcome = await only(force);
      // When to look again depends on what became of it.
      void look();
      return outcome;
    },
    busy: () => running !== undefined,
    stop() {
      timer?.cancel();
      stopped.abort();
    },
  };
}

/** `certificate for mail.example.com, until 2027-02-25, from C=US, O=…`. */
export function describe({ found }: Pick<Standing, "found">): string {
  if (found.kind === "missing") return "there is no certificate";
  if (found.kind === "broken") return found.why;
  const { names, notAfter } = found.certificate;
  return `certificate for ${names.join(", ")}, until ${new Date(notAfter).toISOString().slice(0, 10)}, from ${found.issuer}`;
}
