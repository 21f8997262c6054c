import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Worker } from "@q/streaq";
import { richSerializer } from "../../src/queue/records/rich_serializer.ts";
import { failures } from "../../src/cli/failures.ts";
import { UsageError } from "../../src/cli/verb.ts";
import { findFreePort, HOST } from "../support/free_port.ts";
import { Command, fixture } from "./command.ts";
import { antedate, fail } from "./failing.ts";
import { TestHost } from "./host.ts";
import { Stage } from "./stage.ts";

const stage = new Stage();
const hour = 3_600_000;

describe("failures.run()", () => {
  const wrong: readonly [args: string[], message: string][] = [
    [[], "Cannot list failures: expected a module or --redis, got neither"],
    [["--queue", "mail"], "expected a module or --redis, got neither"],
    [["a.ts", "b.ts"], "expected one module, got a.ts b.ts"],
    [["a.ts", "--redis", "redis://localhost"], "expected --redis or a module, got a.ts"],
    [["a.ts", "--queue", "mail"], "expected --queue with --redis, got it with a module"],
    [["a.ts", "--tsk", "charge"], "Cannot use option --tsk: there is no such option, did you mean --task?"],
    [["a.ts", "--task", ""], "Cannot use option --task: expected a name, got an empty one"],
    [["a.ts", "--since", "yesterday"], "Cannot use option --since: expected a duration such as 2h or a date such as"],
    [["a.ts", "--since", "7"], "Cannot use option --since: expected a duration"],
    [["a.ts", "--since", "2026-13-01"], "Cannot use option --since: expected a duration"],
    [["a.ts", "--limit", "0"], "Cannot use option --limit: expected an integer from 1 to 10000, got 0"],
    [["a.ts", "--limit", "10001"], "Cannot use option --limit: expected an integer from 1 to 10000, got 10001"],
    [["--redis", "http://localhost"], "http://localhost"],
    [["--redis", "redis://localhost", "--queue", "a:b"], 'Cannot use option "queueName"'],
  ];
  for (const [args, message] of wrong) {
    it(`refuses ${JSON.stringify(args)}`, async () => {
      await assertRejects(() => failures.run(args, new TestHost()), UsageError, message);
    });
  }
});

describe("streaq failures", () => {
  const list = (...args: readonly string[]) => new Command(["failures", ...args], { REDIS_URL: stage.redisUrl });
  /** The ids of the failures that are listed. */
  const idsOf = async (...args: readonly string[]): Promise<string[]> => {
    const host = new TestHost();
    assertEquals(await failures.run(["--redis", stage.redisUrl, "--queue", "cli", "--json", ...args], host), 0);
    return JSON.parse(host.output).map(({ taskId }: { taskId: string }) => taskId);
  };

  it("lists the failures of the worker that a module exports, the newest first, and how many there are", async () => {
    await fail(
      stage.worker,
      { id: "1", error: new TypeError("fetch failed\nin the second line") },
      { id: "2", name: "mail", error: new RangeError("") },
      { id: "3" },
    );
    await antedate(stage.worker, "1", Date.now() - 50 * hour);
    await using command = list(fixture("worker.ts"), "--limit", "2");
    assertEquals([await command.exited, command.stderr], [0, ""]);
    const lines = command.stdout.replaceAll(/^\d+s/gm, "0s ").split("\n").map((line) => line.split(/ {2,}/));
    assertEquals(lines, [
      ["AGE", "TASK", "TRIES", "ERROR", "ID"],
      ["0s", "charge", "1", "Error: failed", "3"],
      ["0s", "mail", "1", "RangeError", "2"],
      [""],
      ["2 of 3 failures of queue cli"],
      [""],
    ]);
    await using older = list(fixture("worker.ts"), "--error", "TypeError");
    assertEquals(await older.exited, 0);
    assertMatch(older.stdout, /^2d {3}charge {2}1 {6}TypeError: fetch failed {2}1$/m);
    assertMatch(older.stdout, /^1 of 3 failures of queue cli$/m);
  });

  it("finds failures by task, error and time", async () => {
    await fail(
      stage.worker,
      { id: "1", error: new TypeError() },
      { id: "2", name: "mail", error: new RangeError() },
      { id: "3", error: new RangeError() },
    );
    await antedate(stage.worker, "1", Date.now() - 2 * hour);
    assertEquals(await idsOf(), ["3", "2", "1"]);
    assertEquals(await idsOf("--task", "charge"), ["3", "1"]);
    assertEquals(await idsOf("--error", "RangeError"), ["3", "2"]);
    assertEquals(await idsOf("--task", "charge", "--error", "RangeError"), ["3"]);
    assertEquals(await idsOf("--since", "1h"), ["3", "2"]);
    assertEquals(await idsOf("--since", "3h"), ["3", "2", "1"]);
    assertEquals(await idsOf("--since", new Date(Date.now() - hour).toISOString()), ["3", "2"]);
    assertEquals(await idsOf("--since", "2100-01-01"), []);
  });

  it("prints one JSON document, with the arguments and the whole error", async () => {
    const cause = new Error("no route");
    const args = ["order-17", { cents: 350 }, "\u001b[2J"];
    await fail(stage.worker, { id: "1", error: new TypeError("fetch failed", { cause }), args });
    await using command = list(fixture("worker.ts"), "--json");
    assertEquals([await command.exited, command.stderr], [0, ""]);
    const [{ failedTime, workerId, exception, ...rest }, ...others] = JSON.parse(command.stdout);
    assertEquals([typeof failedTime, workerId, others], ["number", stage.worker.id, []]);
    assertEquals([exception.name, exception.message, exception.cause.message], [
      "TypeError",
      "fetch failed",
      "no route",
    ]);
    assertStringIncludes(exception.stack, "failures.test");
    assertEquals(rest, {
      taskId: "1",
      fnName: "charge",
      args,
      kwargs: {},
      priority: "normal",
      tries: 1,
      failedWith: null,
    });
  });

  it("prints values that JSON does not have in a form that it has", async () => {
    await using worker = new Worker({ redisUrl: stage.redisUrl, queueName: "rich", serializer: richSerializer });
    const circle: unknown[] = ["a"];
    circle.push(circle);
    await fail(worker, { id: "1", args: [17n, new Map([["a", new Set([1])]])] }, { id: "2", args: [circle] });
    await using command = list(fixture("rich.ts"), "--json");
    assertEquals([await command.exited, command.stderr], [0, ""]);
    const [second, first] = JSON.parse(command.stdout);
    assertEquals(first.args, ["17", [["a", [1]]]]);
    assertEquals(typeof second.args, "string");
  });

  it("ends without an error when its output is no longer read", async () => {
    // Much more than a pipe holds.
    const tasks = Array.from({ length: 20 }, (_, i) => ({ id: `${i}`, args: ["x".repeat(100_000)] }));
    await fail(stage.worker, ...tasks);
    await using command = list(fixture("worker.ts"), "--json");
    command.closeOutput();
    assertEquals([await command.exited, command.stderr], [0, ""]);
  });

  it("says when there is none, with exit code 0", async () => {
    await using none = list(fixture("worker.ts"));
    await using noneInJson = list(fixture("worker.ts"), "--json");
    assertEquals([await none.exited, none.output], [0, "Queue cli keeps no failures\n"]);
    assertEquals([await noneInJson.exited, noneInJson.output], [0, "[]\n"]);
    await fail(stage.worker, { id: "1" });
    await using others = list(fixture("worker.ts"), "--task", "mail");
    assertEquals([await others.exited, others.output], [0, "None of 1 failure matches\n"]);
  });

  it("prints no control characters of ids, names and errors", async () => {
    const hostile = "a\n 0s  forged\u001b[2J\u009b\u202e";
    const error = Object.assign(new Error(hostile), { name: hostile });
    await fail(stage.worker, { id: hostile, name: hostile, error, args: [hostile] });
    for (const flags of [[], ["--json"]]) {
      await using command = list(fixture("worker.ts"), ...flags);
      assertEquals(await command.exited, 0);
      assertEquals(["\u001b", "\u009b", "\u202e"].filter((character) => command.output.includes(character)), []);
      assertEquals(/^ *0s {2}forged/m.exec(command.output), null);
      assertStringIncludes(command.output, "a\\n 0s  forged\\u001b[2J\\u009b\\u202e");
      if (flags.length > 0) assertEquals(JSON.parse(command.output)[0].args, [hostile]);
    }
  });

  it("neither runs nor closes the worker of a module that does so when it is imported", async () => {
    await fail(stage.worker, { id: "1" });
    const waiting = await stage.worker.enqueueUnsafe("charge");
    await using command = list(fixture("runs_itself.ts"));
    assertEquals([await command.exited, command.stderr], [0, ""]);
    assertMatch(command.stdout, /^AGE .*\n.*\n\n1 of 1 failure of queue cli\n$/);
    assertEquals(await waiting.status(), "queued");
  });

  it("shows which records can be read with the module only", async () => {
    await using worker = new Worker({ redisUrl: stage.redisUrl, queueName: "signed", signingSecret: "secret" });
    await fail(worker, { id: "1" });
    await using withModule = list(fixture("signed.ts"));
    await using without = list("--redis", stage.redisUrl, "--queue", "signed");
    assertEquals([await withModule.exited, await without.exited], [0, 0]);
    assertMatch(withModule.stdout, /charge {2}1 {6}Error: failed {2}1$/m);
    assertMatch(without.stdout, /Unknown .* 1$/m);
    assertStringIncludes(without.stderr, "streaq: Some records are signed, or written with another serializer");
  });

  it("fails with exit code 1 and a reason if the module, the server or the queue cannot be reached", async () => {
    const port = await findFreePort();
    await using module = list(fixture("throws.ts"));
    await using server = list("--redis", `redis://:secret@${HOST}:${port}`);
    await using memory = list(fixture("in_memory.ts"));
    assertEquals([await module.exited, await server.exited, await memory.exited], [1, 1, 1]);
    assertEquals(module.output, `streaq: Cannot load ${fixture("throws.ts")}: The module has failed\n`);
    assertMatch(server.output, /^streaq: Cannot connect to redis:.*\n$/);
    assert(!server.output.includes("secret"));
    assertEquals(
      memory.output,
      "streaq: Cannot open queue cli: it is in memory, where no other process can reach it\n",
    );
  });
});
