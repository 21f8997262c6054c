import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT } from "../../scripts/runtimes.mjs";

/** Setup runs on Node, whatever runtime runs this test. */
const NODE = spawnSync("node", ["-p", "process.execPath"], { encoding: "utf8" }).stdout.trim();

/** The programs in these tests are shell scripts. */
const onWindows = process.platform === "win32" && "Windows cannot run a shell script by its name";

const EVERYTHING = { "redis-server": "", openssl: "" };

/** A package manager that installs nothing, and records how it was called. */
const APT = {
  "apt-get": 'echo "apt-get $*" >> "$RECORD"; echo "(running apt-get)"',
  env: 'shift; "$@"',
  sudo: '[ "$1" != -n ] || shift; "$@"',
};

const NPM_COMMANDS = ["  npm ci", "  npm ci --prefix tools"];

describe("npm run setup", () => {
  const folders: string[] = [];
  after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

  function newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "streaq-setup-"));
    folders.push(folder);
    return folder;
  }

  /** Creates the parts of a checkout that setup reads, with or without installed npm packages. */
  function newCheckout({ installed = true } = {}): string {
    const root = newFolder();
    cpSync(join(ROOT, "scripts"), join(root, "scripts"), { recursive: true });
    for (const folder of [".", "tools"]) {
      mkdirSync(join(root, folder, "node_modules"), { recursive: true });
      writeFileSync(join(root, folder, "package-lock.json"), "{}");
      if (installed) writeFileSync(join(root, folder, "node_modules/.package-lock.json"), "{}");
    }
    return root;
  }

  /** Runs setup with a PATH that contains these programs only: name to shell script. */
  function setUp(root: string, programs: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
    const path = newFolder();
    for (const [name, code] of Object.entries(programs)) {
      writeFileSync(join(path, name), `#!/bin/sh\n${code}\n`);
      chmodSync(join(path, name), 0o755);
    }
    const record = join(path, "record");
    const { status, stdout, stderr } = spawnSync(NODE, [join(root, "scripts/setup.mjs")], {
      encoding: "utf8",
      env: { PATH: path, RECORD: record, ...env },
    });
    const calls = existsSync(record) ? readFileSync(record, "utf8").trimEnd().split("\n") : [];
    return { status, stdout, stderr, calls };
  }

  /** Finds the printed commands, one in each line. */
  function commands(text: string): string[] {
    return text.split("\n").filter((line) => /^(> | {2})/.test(line)).map((line) => line.replace("sudo ", ""));
  }

  it("does nothing when nothing is missing", { skip: onWindows }, () => {
    const result = setUp(newCheckout(), { ...EVERYTHING, ...APT });
    assertEquals(result, { status: 0, stdout: "", stderr: "", calls: [] });
  });

  it("works in a checkout behind a symbolic link", { skip: onWindows }, () => {
    const link = join(newFolder(), "link");
    symlinkSync(newCheckout(), link);
    assertEquals(setUp(link, { openssl: "", ...APT }).calls.length, 2);
  });

  it("prints what is missing and why, and each command before it runs", { skip: onWindows }, () => {
    const { status, stdout, stderr, calls } = setUp(newCheckout(), { openssl: "", ...APT });
    assertEquals([status, stderr], [0, ""]);
    const [what, ...lines] = stdout.trimEnd().split("\n");
    assertStringIncludes(what ?? "", "Missing: redis-server (the tests start servers of their own).");
    assertEquals(lines.map((line) => line.replace("sudo ", "")), [
      "> env DEBIAN_FRONTEND=noninteractive apt-get -qy update",
      "(running apt-get)",
      "> env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends redis-server",
      "(running apt-get)",
    ]);
    assertEquals(calls, ["apt-get -qy update", "apt-get -qy install --no-install-recommends redis-server"]);
  });

  it("uses Homebrew if there is no apt-get", { skip: onWindows }, () => {
    const { status, stdout, calls } = setUp(newCheckout(), { brew: 'echo "brew $*" >> "$RECORD"' });
    assertEquals([status, calls], [0, ["brew install redis openssl"]]);
    assertEquals(commands(stdout), ["> brew install redis openssl"]);
  });

  it("fails when a command fails, and runs no other", { skip: onWindows }, () => {
    const { status, stderr, calls } = setUp(newCheckout(), { ...APT, "apt-get": `${APT["apt-get"]}; exit 100` });
    assertEquals([status, calls], [1, ["apt-get -qy update"]]);
    assertStringIncludes(stderr, "Cannot set up: this command failed: ");
  });

  it("fails without a package manager, with instructions", () => {
    const { status, stderr } = setUp(newCheckout(), {});
    assertEquals(status, 1);
    assertStringIncludes(stderr, "neither apt-get nor brew is on the PATH");
    assertStringIncludes(stderr, "Missing: redis-server (the tests start servers of their own), openssl (");
    assertStringIncludes(stderr, "STREAQ_TEST_REDIS=no");
  });

  it("installs nothing with STREAQ_SETUP=no, and fails with the commands", { skip: onWindows }, () => {
    const { status, stdout, stderr, calls } = setUp(newCheckout({ installed: false }), APT, { STREAQ_SETUP: "no" });
    assertEquals([status, stdout, calls], [1, "", []]);
    assertStringIncludes(stderr, "STREAQ_SETUP=no forbids installing");
    assertEquals(commands(stderr), [
      ...NPM_COMMANDS,
      "  env DEBIAN_FRONTEND=noninteractive apt-get -qy update",
      "  env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends redis-server openssl",
    ]);
  });

  it("installs no npm packages with STREAQ_SETUP=no", () => {
    const env = { STREAQ_SETUP: "no", STREAQ_TEST_REDIS: "no" };
    const { status, stderr } = setUp(newCheckout({ installed: false }), {}, env);
    assertEquals([status, commands(stderr)], [1, NPM_COMMANDS]);
  });

  it("succeeds with STREAQ_SETUP=no when nothing is missing", { skip: onWindows }, () => {
    assertEquals(setUp(newCheckout(), EVERYTHING, { STREAQ_SETUP: "no" }).status, 0);
  });

  it("requires no programs with STREAQ_TEST_REDIS=no, and prints that", () => {
    const { status, stdout } = setUp(newCheckout(), {}, { STREAQ_TEST_REDIS: "no" });
    assertEquals([status, stdout], [0, "STREAQ_TEST_REDIS=no: redis-server and openssl are not required\n"]);
  });

  it("refuses a value that is neither yes nor no", () => {
    const { status, stderr } = setUp(newCheckout({ installed: false }), {}, { STREAQ_SETUP: "false" });
    assertEquals([status, stderr], [1, "Cannot use STREAQ_SETUP: expected yes or no, got false\n"]);
  });
});
