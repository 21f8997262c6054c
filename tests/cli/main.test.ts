import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../src/base/version.ts";
import { Command, fixture } from "./command.ts";

describe("streaq", () => {
  it("prints its version", async () => {
    await using command = new Command(["--version"]);
    assertEquals([await command.exited, command.stdout, command.stderr], [0, `${VERSION}\n`, ""]);
  });

  it("prints help about itself and about its commands", async () => {
    await using help = new Command(["--help"]);
    await using helpOfRun = new Command(["run", "--help"]);
    assertEquals([await help.exited, await helpOfRun.exited], [0, 0]);
    assertStringIncludes(help.stdout, "Usage: streaq <command>");
    assertStringIncludes(helpOfRun.stdout, "Usage: streaq run path/to/module.ts[:export]");
  });

  it("refuses invalid arguments with exit code 2 and a reason", async () => {
    await using none = new Command([]);
    await using unknown = new Command(["walk"]);
    await using option = new Command(["--fast"]);
    assertEquals([await none.exited, await unknown.exited, await option.exited], [2, 2, 2]);
    const expected = (got: string) =>
      `streaq: Cannot run streaq: expected a command (run, failures, retry, purge), got ${got}\nTry "streaq --help"\n`;
    assertEquals([none, unknown, option].map(({ output }) => output), ["none", "walk", "--fast"].map(expected));
  });

  it("fails with exit code 1 and one line, or with the stack with --verbose", async () => {
    await using brief = new Command(["run", fixture("throws.ts")]);
    await using verbose = new Command(["run", fixture("throws.ts"), "--verbose"]);
    assertEquals([await brief.exited, await verbose.exited], [1, 1]);
    assertEquals(brief.stderr, `streaq: Cannot load ${fixture("throws.ts")}: The module has failed\n`);
    assertMatch(verbose.stderr, /Cannot load [^]*\n +at /);
  });

  it("prints no control characters of names and errors, which could forge a line", async () => {
    const name = "a\n[INFO] 2026-11-23 09:14:35: forged \u001b[2J\u009b\u202e.ts";
    const shown = "a\\n[INFO] 2026-11-23 09:14:35: forged \\u001b[2J\\u009b\\u202e.ts";
    await using module = new Command(["run", name]);
    await using unknown = new Command([name]);
    await using option = new Command(["run", fixture("throws.ts"), "--workers", name]);
    await using throws = new Command(["run", fixture("throws.ts")], { STREAQ_FAILURE: name });
    await using workers = new Command(["run", name, "--workers", "2", "--verbose"]);
    assertEquals([await module.exited, await unknown.exited, await option.exited, await throws.exited], [1, 2, 2, 1]);
    assertEquals(module.stderr, `streaq: Cannot load ${shown}: no such file\n`);
    assertStringIncludes(unknown.stderr, `got ${shown}\nTry`);
    assertStringIncludes(option.stderr, `got ${shown}\nTry`);
    assertEquals(throws.stderr, `streaq: Cannot load ${fixture("throws.ts")}: ${shown}\n`);
    assertEquals(await workers.exited, 1);
    assertStringIncludes(workers.output, `loading ${shown}\n`);
    for (const { output } of [module, unknown, option, throws, workers]) {
      assertEquals(/^\[INFO\].*forged/m.exec(output), null);
      assertEquals(["\u001b", "\u009b", "\u202e"].filter((character) => output.includes(character)), []);
    }
  });
});
