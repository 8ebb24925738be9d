/**
 * An authority that signs certificates for a test, with an intermediate one as real authorities have, by `openssl`. No key lies
 * about in the repository.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUpLater, type Scope } from "./clean-ups.ts";

/** A certificate with its issuer's, and its key, PEM. */
export interface Issued {
  /** The host's own certificate first, then the intermediate one. */
  readonly chain: string;
  /** The host's own alone. */
  readonly own: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface Wanted {
  readonly names: readonly string[];
  /** `20200101000000Z`; absent: since yesterday, for some months. */
  readonly from?: string;
  readonly to?: string;
  readonly kind?: "ec" | "rsa";
}

/** The authority. */
export interface Authority {
  /** Its own certificate, for clients to trust. */
  readonly caFile: string;
  issue(wanted: Wanted): Issued;
}

const CONFIG = `[ ca ]
default_ca = main
[ main ]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[ any ]
commonName = supplied
[ authority ]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[ host ]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
`;

const DAY = 86_400_000;
const stamp = (time: number) => `${new Date(time).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;

/** Makes one; it is removed at the end of the test. */
export function makeAuthority(t: Scope): Authority {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-ca-"));
  cleanUpLater(t, () => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  writeFileSync(join(folder, "ca.cnf"), CONFIG);
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "serial"), "1000\n");
  const newKey = (name: string, kind: "ec" | "rsa") =>
    kind === "rsa"
      ? openssl(..."genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out".split(" "), name)
      : openssl(..."genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out".split(" "), name);
  newKey("root.key", "ec");
  openssl(
    ..."req -x509 -new -key root.key -subj /CN=Test-Root -days 30 -out root.pem -config ca.cnf -extensions authority".split(
      " ",
    ),
    ..."-addext keyUsage=critical,keyCertSign".split(" "),
  );
  const sign = (name: string, by: string, extensions: string, from: string, to: string) =>
    openssl(
      ...`ca -batch -notext -config ca.cnf -cert ${by}.pem -keyfile ${by}.key -extensions ${extensions}`.split(
        " ",
      ),
      ...`-startdate ${from} -enddate ${to} -in ${name}.csr -out ${name}.pem`.split(" "),
    );
  const usual = [stamp(Date.now() - DAY), stamp(Date.now() + 100 * DAY)] as const;
  newKey("middle.key", "ec");
  openssl(..."req -new -key middle.key -subj /CN=Test-Intermediate -out middle.csr".split(" "));
  sign("middle", "root", "authority", ...usual);
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  let count = 0;
  return {
    caFile: join(folder, "root.pem"),
    issue({ names, from = usual[0], to = usual[1], kind = "ec" }) {
      const name = `host${++count}`;
      newKey(`${name}.key`, kind);
      openssl(
        ...`req -new -key ${name}.key -subj /CN=${names[0]} -out ${name}.csr -addext`.split(" "),
        `subjectAltName=${names.map((each) => `DNS:${each}`).join(",")}`,
      );
      sign(name, "middle", "host", from, to);
      const own = read(`${name}.pem`);
      return { own, chain: `${own}${read("middle.pem")}`, key: read(`${name}.key`) };
    },
  };
}

/** Puts a certificate into a folder as a host finds it; the key first, as ACME clients do. */
export function install(folder: string, { chain, key }: Pick<Issued, "chain" | "key">): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
  writeFileSync(join(folder, "cert.pem"), chain);
}
