import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { run } from "../../src/cli/run.ts";
import { UsageError } from "../../src/cli/verb.ts";
import { Command, fixture } from "./command.ts";
import { TestHost } from "./host.ts";
import { Stage } from "./stage.ts";

const stage = new Stage();
describe("run.run()", () => {
  const wrong: readonly [args: string[], message: string][] = [
    [[], "expected the path of its module, got none"],
    [["a.ts", "b.ts"], "expected one module, got a.ts b.ts"],
    [["a.ts", "--fast"], "Cannot use option --fast: there is no such option, expected one of --workers, --burst"],
    [["a.ts", "--wokers", "2"], "Cannot use option --wokers: there is no such option, did you mean --workers?"],
    [["a.ts", "--workers", "0"], "Cannot use option --workers: expected an integer from 1 to 999, got 0"],
    [["a.ts", "--workers", "two"], "Cannot use option --workers: expected an integer from 1 to 999, got two"],
    [["a.ts", "--workers"], "Option '--workers <value>' argument missing"],
    [["a.ts", "--burst", "--reload"], "expected --burst or --reload, got both"],
    [["https://example.org/a.ts", "--reload"], "Cannot use option --reload: expected the path of a file, got https:"],
  ];
  for (const [args, message] of wrong) {
    it(`refuses ${JSON.stringify(args)}`, async () => {
      const error = await assertRejects(() => run.run(args, new TestHost()), UsageError, message);
      assertEquals(error.message.split("\n").length, 1);
    });
  }
});

describe("streaq run", () => {
  it("runs tasks until SIGTERM, and then exits with code 0", async () => {
    await using command = stage.run(fixture("worker.ts"));
    assertEquals(await stage.call("add", 1, 2), 3);

    const held = await stage.enqueue("hold", 60_000);
    await command.prints(/task hold □/);
    command.signal("SIGTERM");
    assertEquals(await command.exited, 0);
    assertStringIncludes(command.output, "is shutting down after SIGTERM");
    assertEquals(command.stderr, "");
    assertEquals(await held.status(), "queued");
  });

  it("exits although a task ignores its signal", async () => {
    await using command = stage.run(fixture("worker.ts"));
    await stage.enqueue("ignoreSignal");
    await command.prints(/task ignoreSignal □/);
    command.signal("SIGINT");
    assertEquals(await command.exited, 0);
    assertStringIncludes(command.stderr, "Exiting although the process is still busy");
  });

  it("exits with --burst when no tasks are left", async () => {
    const tasks = await Promise.all([1, 2, 3].map((n) => stage.enqueue("add", n, n)));
    await using command = stage.run(fixture("worker.ts:worker"), "--burst", "--verbose");
    assertEquals(await command.exited, 0);
    assertEquals(await Promise.all(tasks.map((task) => task.status())), ["done", "done", "done"]);
    assertMatch(command.output, /\[DEBUG\] .*: loading/);
  });

  it("fails with the address of an unreachable server, without the password", async () => {
    const url = stage.redisUrl.replace("//", "//user:secret@");
    await using command = new Command(["run", fixture("worker.ts")], { REDIS_URL: url });
    assertEquals(await command.exited, 1);
    assertMatch(command.stderr, /^streaq: .*127\.0\.0\.1.*\n$/m);
    assert(!command.output.includes("secret"));
  });
});
