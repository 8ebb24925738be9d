/** The rules of docs/ARCHITECTURE.md that can be checked by reading: who imports whom, how large files are, what they are called. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Which package may use which; arrows point one way. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  common: [],
  mta: ["common"],
  pop3: ["common"],
  launcher: ["common", "mta", "pop3"],
};

/** Octets that a source file may have, and a test, which often is a list of cases. */
const MOST = 15 * 1024;
const MOST_OF_A_TEST = 24 * 1024;

function filesBelow(dir: string): string[] {
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !/(^|\/)(node_modules|dist|results|build)\//.test(file));
}

const read = (file: string) => readFileSync(join(root, file), "utf8");
const packages = Object.keys(ARROWS);
const sources = packages
  .flatMap((name) => filesBelow(`packages/${name}/src`))
  .filter((file) => file.endsWith(".ts"));
const tests = [...packages.map((name) => `packages/${name}/test`), "test", "bench"]
  .filter((dir) => existsSync(join(root, dir)))
  .flatMap(filesBelow)
  .filter((file) => file.endsWith(".ts"));

/** The modules that a file imports, at run time or for their types. */
function imports(text: string): string[] {
  const found = text.matchAll(
    /(?:^|[^\w."'`])(?:import|export)\s(?:[^"'`;]*?\sfrom\s)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm,
  );
  return [...found].map((match) => (match[1] ?? match[2])!);
}

test("the packages are the four of the architecture", () => {
  const found = readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "package.json")),
  );
  assert.deepEqual(found.toSorted(), packages.toSorted());
});

for (const name of packages) {
  const allowed = ARROWS[name]!.map((other) => `@mailhost/${other}`);

  test(`${name} depends on ${ARROWS[name]!.join(", ") || "no other package"}: package.json, tsconfig and imports say the same`, () => {
    const manifest = JSON.parse(read(`packages/${name}/package.json`)) as {
      dependencies?: Record<string, string>;
      optionalDependencies?: Record<string, string>;
    };
    const declared = Object.keys(manifest.dependencies ?? {}).filter((dependency) =>
      dependency.startsWith("@mailhost/"),
    );
    assert.deepEqual(declared.toSorted(), allowed.toSorted(), "package.json");

    const config = JSON.parse(read(`packages/${name}/tsconfig.json`)) as { references?: { path: string }[] };
    const references = (config.references ?? []).map(({ path }) => `@mailhost/${basename(path)}`);
    assert.deepEqual(references.toSorted(), allowed.toSorted(), "references of tsconfig.json");

    for (const file of sources.filter((source) => source.startsWith(`packages/${name}/`))) {
      for (const module of imports(read(file))) {
        if (module.startsWith("@mailhost/")) {
          const target = module.split("/", 2).join("/");
          assert.ok(allowed.includes(target), `${file} imports ${module}`);
        } else if (module.startsWith(".")) {
          assert.ok(module.endsWith(".ts"), `${file} imports ${module} without its .ts`);
          const target = relative(join(root, "packages", name), join(root, file, "..", module));
          assert.ok(target.startsWith("src/"), `${file} reaches out of its package: ${module}`);
        } else if (!module.startsWith("node:")) {
          const library = module
            .split("/")
            .slice(0, module.startsWith("@") ? 2 : 1)
            .join("/");
          assert.ok(
            library in { ...manifest.dependencies, ...manifest.optionalDependencies },
            `${file} imports ${library}, which package.json does not name`,
          );
        }
      }
    }
  });
}

test("no product file imports what is for tests", () => {
  for (const file of sources.filter((source) => !source.includes("/testing/"))) {
    for (const module of imports(read(file)))
      assert.ok(!module.includes("/testing/"), `${file} imports ${module}`);
  }
});

/** What only some hosts need, or only a first start: whoever needs it imports it then. */
const LAZY = ["@peculiar/x509", "acme-client", "ldapts", "koffi", "bcrypt"];
/** Libraries of passwords: a command that asks nobody for one does not load them. */
const OF_PASSWORDS = ["@node-rs/argon2", "unixcrypt"];

/** What a file loads with itself: neither types nor what it imports later. */
function loads(text: string): string[] {
  const found = text.matchAll(/^(?:import|export)\s(?!type\b)(?:[^"'`;]*?\sfrom\s)?["']([^"']+)["']/gm);
  return [...found].map((match) => match[1]!);
}

/** The source of a module that another imports; undefined: a library's. */
function sourceOf(module: string, from: string): string | undefined {
  if (module.startsWith(".")) return relative(root, join(root, from, "..", module));
  const [, name, path] = /^@mailhost\/(\w+)\/(.+)$/.exec(module) ?? [];
  return name === undefined ? undefined : `packages/${name}/src/${path}.ts`;
}

test("libraries that few need are imported when they are needed", () => {
  for (const file of sources) {
    for (const module of loads(read(file))) assert.ok(!LAZY.includes(module), `${file} loads ${module}`);
  }
  const mains = packages
    .filter((name) => existsSync(join(root, `packages/${name}/bin`)))
    .flatMap((name) => filesBelow(`packages/${name}/bin`))
    .flatMap((file) => loads(read(file)).flatMap((module) => sourceOf(module, file) ?? []))
    .map((file) => file.replace("/dist/", "/src/").replace(/\.js$/, ".ts"))
    .filter((file) => !file.includes("/bin/"));
  assert.ok(mains.length >= 8 && mains.every((file) => sources.includes(file)), mains.join("\n"));
  const seen = new Set<string>();
  const follow = (file: string, by: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const module of loads(read(file))) {
      assert.ok(!OF_PASSWORDS.includes(module), `${by} > ${file} loads ${module}`);
      const next = sourceOf(module, file);
      if (next !== undefined) follow(next, `${by} > ${file}`);
    }
  };
  for (const main of mains) follow(main, "");
  assert.ok(seen.size > 50, `${seen.size} files were followed`);
});

test("only the store touches the queue's tables, and only a few folders lock files", () => {
  for (const file of sources) {
    const used = imports(read(file));
    if (used.includes("proper-lockfile") || used.includes("fs-native-extensions")) {
      assert.match(
        file,
        /^packages\/(common\/src\/(mbox|daemon|fs|accounts|lmdb|testing)|launcher\/src\/start)\//,
        `${file} locks by itself`,
      );
    }
    if (/queueDir\b/.test(read(file))) {
      assert.match(
        file,
        /^packages\/(common\/src\/(site\.ts|daemon\/)|mta\/src\/(queue|commands)\/|launcher\/src\/)/,
        `${file} knows the queue's folder`,
      );
    }
  }
});

test("files are small", () => {
  const sizes = [...sources, ...tests].map((file) => ({ file, size: Buffer.byteLength(read(file)) }));
  const large = sizes.filter(({ file, size }) => size > (sources.includes(file) ? MOST : MOST_OF_A_TEST));
  assert.deepEqual(large, []);
  const own = sizes
    .filter(({ file }) => sources.includes(file))
    .map(({ size }) => size)
    .toSorted((a, b) => a - b);
  assert.ok((own[Math.floor(own.length / 2)] ?? 0) <= 6 * 1024, "the median source is small too");
});

test("files are called after what they hold", () => {
  for (const file of [...sources, ...tests]) {
    const name = basename(file, ".ts").replace(/\.(test|d)$/, "");
    assert.doesNotMatch(name, /^(utils?|helpers?|misc|types|common|shared|lib|stuff)$/, file);
    if (sources.includes(file)) assert.notEqual(name, "index", `${file}: no barrels`);
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/, `${file} is not in kebab case`);
  }
});

test("each source says at its top what it is", () => {
  for (const file of sources) assert.match(read(file), /^\/\*\*(\n \*)? \S/, file);
});

test("sources write to the console nowhere and leave nothing for later", () => {
  for (const file of sources) {
    // HACK is also the name of a macro of Sendmail's, which the reader of config.mc has to know.
    const text = read(file).replace(/^ +HACK: "/m, "");
    assert.doesNotMatch(text, /\bconsole\./, file);
    assert.doesNotMatch(text, /\b(TODO|FIXME|XXX|HACK)\b/, file);
    assert.doesNotMatch(text, /^export default\b|^(?:export )?(?:const )?enum\b/m, file);
  }
});

test("no path of a machine and no registry in a committed file", () => {
  for (const file of [...sources, ...tests, "pnpm-lock.yaml", "package.json", ".ci/run"]) {
    assert.doesNotMatch(read(file), /\/(?:root|work)\/\w|registry\.[a-z]+\./, file);
  }
});
