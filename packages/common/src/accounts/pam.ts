/**
 * Passwords by PAM: libpam is called through koffi, which is an optional dependency with nothing to compile. Authentication
 * and account management are asked, no session is opened.
 *
 * A module may take as long as it likes (pam_unix waits two seconds behind a wrong password): calls run in threads.
 */
import { AccountsUnavailable } from "./account-errors.ts";

type Koffi = typeof import("koffi")["default"];

/** Asks PAM. */
export interface Pam {
  /**
   * Whether the password is right and the account may log in.
   *
   * @throws AccountsUnavailable when a module can not say
   */
  check(service: string, user: string, password: string): Promise<boolean>;
}

/** Results of Linux-PAM that say no: permission denied, wrong password or name, expired, to be changed first. */
const NO: ReadonlySet<number> = new Set([6, 7, 8, 10, 11, 12, 13, 16, 17, 27]);
/** What a module may ask for: a text that is not shown, which is the password. */
const PROMPT_ECHO_OFF = 1;
/** The end of a conversation that asks for something else. */
const CONVERSATION_FAILED = 19;
/** Messages that a module may send at once (PAM_MAX_NUM_MSG). */
const MOST_MESSAGES = 32;

/** Loads libpam; a text says why it can not be. */
export async function loadPam(): Promise<Pam | string> {
  let koffi: Koffi;
  try {
    koffi = (await import("koffi")).default;
  } catch {
    return "the optional package koffi is not installed";
  }
  try {
    return bindPam(koffi);
  } catch (error) {
    return `libpam can not be loaded: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function bindPam(koffi: Koffi): Pam {
  const libc = koffi.load(null);
  const calloc = libc.func("void *calloc(size_t count, size_t size)");
  const strdup = libc.func("void *strdup(const char *text)");
  const libpam = koffi.load("libpam.so.0");
  const message = koffi.struct({ style: "int", text: "const char *" });
  const response = koffi.struct({ text: "void *", code: "int" });
  const converse = koffi.proto("int (int count, void *messages, void *responses, void *data)");
  const conversation = koffi.struct({ converse: koffi.pointer(converse), data: "void *" });
  const start = libpam.func("pam_start", "int", [
    "const char *",
    "const char *",
    koffi.pointer(conversation),
    koffi.out(koffi.pointer("void *")),
  ]);
  const authenticate = libpam.func("int pam_authenticate(void *handle, int flags)");
  const account = libpam.func("int pam_acct_mgmt(void *handle, int flags)");
  const end = libpam.func("int pam_end(void *handle, int status)");
  const said = libpam.func("const char *pam_strerror(void *handle, int status)");

  const answer = (password: string) => (count: number, messages: unknown, responses: unknown) => {
    if (count < 1 || count > MOST_MESSAGES) return CONVERSATION_FAILED;
    const asked = koffi.decode(messages as never, koffi.array("void *", count)) as unknown[];
    const answers: unknown = calloc(count, koffi.sizeof(response));
    for (const [at, one] of asked.entries()) {
      const { style } = koffi.decode(one as never, message) as { style: number };
      const text: unknown = style === PROMPT_ECHO_OFF ? strdup(password) : null;
      koffi.encode(answers as never, at * koffi.sizeof(response), response, { text, code: 0 });
    }
    koffi.encode(responses as never, "void *", answers);
    return 0;
  };
  return {
    async check(service, user, password) {
      const callback = koffi.register(answer(password), koffi.pointer(converse));
      const out: unknown[] = [null];
      try {
        const started = start(service, user, { converse: callback, data: null }, out) as number;
        const handle = out[0];
        if (started !== 0) throw new AccountsUnavailable(`PAM does not start: result ${started}`);
        let status = await asynchronously(authenticate, handle);
        if (status === 0) status = await asynchronously(account, handle);
        const text = status === 0 ? "" : String(said(handle, status));
        end(handle, status);
        if (status === 0) return true;
        if (NO.has(status)) return false;
        throw new AccountsUnavailable(`PAM: ${text} (service ${service}, result ${status})`);
      } finally {
        koffi.unregister(callback);
      }
    },
  };
}

function asynchronously(call: { readonly async: unknown }, handle: unknown): Promise<number> {
  const run = call.async as (
    handle: unknown,
    flags: number,
    done: (error: Error | null, status: number) => void,
  ) => void;
  return new Promise((resolve, reject) => {
    run(handle, 0, (error, status) =>
      error === null || error === undefined ? resolve(status) : reject(error),
    );
  });
}
