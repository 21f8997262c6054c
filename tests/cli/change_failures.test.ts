import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Worker } from "@q/streaq";
import { purge } from "../../src/cli/purge.ts";
import { retry } from "../../src/cli/retry.ts";
import { UsageError, type Verb } from "../../src/cli/verb.ts";
import { Command, fixture } from "./command.ts";
import { antedate, fail, mend } from "./failing.ts";
import { TestHost } from "./host.ts";
import { Stage } from "./stage.ts";

const stage = new Stage();
const verbs = { retry, purge };

/** Runs a verb on the queue of the stage; returns the exit code, the output, the errors and the questions. */
async function call(
  verb: Verb,
  args: readonly string[],
  options?: { answer: string },
): Promise<[code: number, output: string, errors: string, ...questions: string[]]> {
  const host = new TestHost(options);
  const code = await verb.run(["--redis", stage.redisUrl, "--queue", "cli", ...args], host);
  return [code, host.output, host.errors, ...host.questions];
}

/** The ids of the failures that are kept. */
async function kept(): Promise<string[]> {
  return (await stage.worker.failures()).map(({ taskId }) => taskId);
}

for (const [name, verb] of Object.entries(verbs)) {
  describe(`${name}.run()`, () => {
    const nothing = "expected either ids, or --task, --error or --since, or --all, got";
    const wrong: readonly [args: string[], message: string][] = [
      [[], `Cannot ${name} failed tasks: expected a module or --redis, got neither`],
      [["82cb6ae6"], `Cannot ${name} failed tasks: ${nothing} none of them`],
      [["a.ts", "1", "--all"], `${nothing} ids and --all`],
      [["a.ts", "1", "--task", "charge"], `${nothing} ids and --task, --error or --since`],
      [["a.ts", "--all", "--since", "1h"], `${nothing} --task, --error or --since and --all`],
      [["a.ts", "--al"], "Cannot use option --al: there is no such option, did you mean --all?"],
      [["a.ts", "--all"], `Cannot ${name} failed tasks: there is no terminal to confirm it, so --yes is required`],
      [["a.ts", "--error", "TypeError"], "there is no terminal to confirm it, so --yes is required"],
      [["a.ts", "--since", "", "--yes"], "Cannot use option --since: expected a duration"],
    ];
    for (const [args, message] of wrong) {
      it(`refuses ${JSON.stringify(args)}`, async () => {
        await assertRejects(() => verb.run(args, new TestHost()), UsageError, message);
      });
    }

    it("names the tasks of which no failure is kept, and changes the others", async () => {
      await fail(stage.worker, { id: "1" }, { id: "2" });
      const [code, output, errors] = await call(verb, ["none", "1", "no\nsuch", "1"]);
      assertEquals([code, await kept()], [1, ["2"]]);
      assertMatch(output, name === "retry" ? /^1 task is queued again\n$/ : /^1 failure is dropped\n$/);
      assertEquals(
        errors,
        `Cannot ${name} task none: no failure of it is kept\nCannot ${name} task no\\nsuch: no failure of it is kept\n`,
      );
      assertEquals(await call(verb, ["none"]), [1, "", `Cannot ${name} task none: no failure of it is kept\n`]);
    });

    it("asks before it changes what is selected, with the number of failures that match", async () => {
      await fail(stage.worker, { id: "1" }, { id: "2", name: "mail" }, { id: "3" });
      const question = (count: string) => {
        return name === "retry"
          ? `Queue ${count.replace("failure", "failed task")} of queue cli again? [y/N] `
          : `Drop ${count} of queue cli for good? [y/N] `;
      };
      for (const answer of ["", "n", "yep", "\n", "no yes"]) {
        assertEquals(await call(verb, ["--all"], { answer }), [1, "", "Nothing was changed\n", question("3 failures")]);
      }
      assertEquals(await kept(), ["3", "2", "1"]);
      const [code, , errors, asked] = await call(verb, ["--task", "mail"], { answer: "y\n" });
      assertEquals([code, errors, asked, await kept()], [0, "", question("1 failure"), ["3", "1"]]);
      const [codeOfAll, , errorsOfAll, askedOfAll] = await call(verb, ["--all"], { answer: " YES\r\n" });
      assertEquals([codeOfAll, errorsOfAll, askedOfAll, await kept()], [0, "", question("2 failures"), []]);
      assertEquals(await call(verb, ["--all"], { answer: "y" }), [1, "", "No failure matches\n"]);
    });

    it("does not ask with --yes, or for ids", async () => {
      await fail(stage.worker, { id: "1", error: new TypeError() }, { id: "2" }, { id: "3" });
      await antedate(stage.worker, "2", Date.now() - 7_200_000);
      const [code, , , ...questions] = await call(verb, ["--error", "TypeError", "--yes"], { answer: "n" });
      assertEquals([code, questions, await kept()], [0, [], ["3", "2"]]);
      assertEquals([(await call(verb, ["--since", "1h", "--yes"]))[0], await kept()], [0, ["2"]]);
      assertEquals([(await call(verb, ["2"], { answer: "n" }))[0], await kept()], [0, []]);
      const report = name === "retry" ? "0 tasks are queued again\n" : "0 failures are dropped\n";
      assertEquals(await call(verb, ["--all", "--yes"]), [1, "", report]);
    });
  });
}

describe("streaq retry", () => {
  const run = (...args: readonly string[]) => new Command(["retry", ...args], { REDIS_URL: stage.redisUrl });

  it("queues tasks again under their ids, for the worker that a module exports", async () => {
    await fail(stage.worker, { id: "1", args: ["order-17"] }, { id: "2" });
    await using command = run(fixture("runs_itself.ts"), "1", "2");
    assertEquals([await command.exited, command.output], [0, "2 tasks are queued again\n"]);
    ["1", "2"].forEach(mend);
    await stage.worker.drain();
    const results = await Promise.all(["1", "2"].map((id) => stage.worker.resultById(id)));
    assertEquals(results.map(({ success }) => success), [true, true]);
  });

  it("brings back tasks that failed with another one, but not alone", async () => {
    await fail(stage.worker, { id: "1", dependents: ["2", "3"] });
    const reason = "Cannot retry task 2: it depends on task 1, which has failed\n";
    assertEquals(await call(retry, ["2"]), [1, "", reason]);
    assertEquals(await call(retry, ["2", "1"]), [0, "3 tasks are queued again\n", ""]);
    assertEquals(await kept(), []);
  });

  it("refuses records that it cannot read without the module", async () => {
    await using worker = new Worker({ redisUrl: stage.redisUrl, queueName: "signed", signingSecret: "secret" });
    await fail(worker, { id: "1" });
    for (const which of [["1"], ["--all", "--yes"]]) {
      await using without = run("--redis", stage.redisUrl, "--queue", "signed", ...which);
      assertEquals(await without.exited, 1);
      assertMatch(without.output, /^streaq: Cannot retry task 1: its record is signed, or .* module .* is required\n$/);
    }
    await using withModule = run(fixture("signed.ts"), "--all", "--yes");
    assertEquals([await withModule.exited, withModule.output], [0, "1 task is queued again\n"]);
  });

  it("requires --yes without a terminal, with exit code 2", async () => {
    await fail(stage.worker, { id: "1" });
    await using command = run(fixture("worker.ts"), "--all");
    assertEquals(await command.exited, 2);
    assertEquals(
      command.output,
      "streaq: Cannot retry failed tasks: there is no terminal to confirm it, so --yes is required\n" +
        'Try "streaq retry --help"\n',
    );
    assertEquals(await kept(), ["1"]);
  });
});

describe("streaq purge", () => {
  const onTerminal = (...args: readonly string[]) => {
    return new Command(["purge", ...args], { REDIS_URL: stage.redisUrl }, { terminal: true });
  };

  it("asks on a terminal, and takes nothing but yes for an answer", async () => {
    await fail(stage.worker, { id: "1" }, { id: "2" });
    for (const typed of ["\n", "no\n", "\x04"]) {
      await using command = onTerminal(fixture("worker.ts"), "--all");
      await command.prints(/Drop 2 failures of queue cli for good\? \[y\/N\] /);
      command.type(typed);
      assertEquals(await command.exited, 1);
      assertMatch(command.output, /streaq: Nothing was changed\r?\n/);
    }
    assertEquals(await kept(), ["2", "1"]);
    await using command = onTerminal(fixture("worker.ts"), "--error", "Error");
    await command.prints(/Drop 2 failures of queue cli for good\? \[y\/N\] /);
    // What fails while the question is open is not part of the answer.
    await fail(stage.worker, { id: "3" });
    command.type("y\n");
    assertEquals(await command.exited, 0);
    assertMatch(command.output, /2 failures are dropped\r?\n/);
    assertEquals(await kept(), ["3"]);
  });

  it("changes nothing when the question is interrupted", async () => {
    await fail(stage.worker, { id: "1" });
    await using command = onTerminal(fixture("worker.ts"), "--all");
    await command.prints(/for good\? \[y\/N\] /);
    command.type("\x03");
    assertEquals(await command.exited, 130);
    assertEquals(await kept(), ["1"]);
  });
});
