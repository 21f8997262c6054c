import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../src/base/version.ts";
import { Command, fixture } from "./command.ts";

describe("streaq", () => {
  it("prints its version", async () => {
    await using command = new Command(["--version"]);
    assertEquals([await command.exited, command.stdout, command.stderr], [0, `${VERSION}\n`, ""]);
  });

  it("explains itself and its verbs", async () => {
    await using help = new Command(["--help"]);
    await using helpOfRun = new Command(["run", "--help"]);
    assertEquals([await help.exited, await helpOfRun.exited], [0, 0]);
    assertStringIncludes(help.stdout, "Usage: streaq <verb>");
    assertStringIncludes(helpOfRun.stdout, "Usage: streaq run path/to/module.ts[:export]");
  });

  it("refuses what makes no sense, with exit code 2 and a line that says why", async () => {
    await using none = new Command([]);
    await using verb = new Command(["walk"]);
    await using option = new Command(["--fast"]);
    assertEquals([await none.exited, await verb.exited, await option.exited], [2, 2, 2]);
    assertEquals(none.output, 'streaq: Expected a verb: run\nTry "streaq --help"\n');
    assertEquals(verb.output, 'streaq: Unknown verb: walk\nTry "streaq --help"\n');
    assertEquals(option.output, 'streaq: Unknown option: --fast\nTry "streaq --help"\n');
  });

  it("fails with exit code 1 and one line, or with the stack when asked for more", async () => {
    await using brief = new Command(["run", fixture("throws.ts")]);
    await using verbose = new Command(["run", fixture("throws.ts"), "--verbose"]);
    assertEquals([await brief.exited, await verbose.exited], [1, 1]);
    assertEquals(brief.stderr, `streaq: Could not load ${fixture("throws.ts")}: The module is not in the mood\n`);
    assertMatch(verbose.stderr, /Could not load [^]*\n +at /);
  });
});
