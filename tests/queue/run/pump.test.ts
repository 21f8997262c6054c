import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { settled } from "../../support/promises.ts";
import { eventually } from "../../support/poll.ts";
import { PumpRig, quiet } from "./pump_rig.ts";

const MiB = 1024 * 1024;
const never = () => false;

describe("Pump.store()", () => {
  it("sends the results of a turn of the event loop in one call, which leases nothing while it rests", async () => {
    const rig = new PumpRig(32);
    rig.store("first");
    await Promise.resolve();
    rig.store("second");
    await Promise.resolve().then(() => {}).then(() => {});
    rig.store("third");
    await quiet();
    assertEquals(rig.sizes, [[3, 0]]);
    rig.store("fourth");
    await quiet();
    assertEquals(rig.sizes, [[3, 0], [1, 0]]);
    rig.sent[1]!.reply();
    rig.sent[0]!.reply();
    await quiet();
    assertEquals(rig.stored.map(([result]) => result), ["fourth", "first", "second", "third"]);
  });

  it("sends at most 500 results in one call, in their order", async () => {
    const rig = new PumpRig(32);
    const results = Array.from({ length: 1200 }, (_, i) => String(i));
    for (const result of results) rig.store(result);
    await quiet();
    assertEquals(rig.sizes, [[500, 0], [500, 0], [200, 0]]);
    assertEquals(rig.sent.flatMap(({ completions }) => completions.map(({ result }) => result)), results);
  });

  for (
    const [sizes, expected] of [
      [[1.5, 1.5, 1.5, 1.5, 1.5], [2, 2, 1]],
      [[2, 2, 2], [2, 1]],
      [[5], [1]],
      [[1, 5, 1], [1, 1, 1]],
      [[5, 5], [1, 1]],
    ] as const
  ) {
    it(`sends at most 4 MiB in one call, unless a single result is larger: results of ${sizes.join(", ")} MiB`, async () => {
      const rig = new PumpRig(32);
      for (const size of sizes) rig.store("x".repeat(size * MiB));
      await quiet();
      assertEquals(rig.sent.map(({ completions }) => completions.length), [...expected]);
    });
  }

  it("sends results with a turn, and without one when two are in flight", async () => {
    const rig = new PumpRig(4);
    void rig.pump.run(never);
    await quiet();
    assertEquals(rig.sizes, [[0, 2], [0, 2]]);
    rig.sent[0]!.reply();
    await quiet();
    rig.complete(1);
    await quiet();
    rig.complete(1);
    await quiet();
    assertEquals(rig.sizes.slice(2), [[1, 1], [1, 0]]);
  });

  it("calls onStored once for each result, whatever becomes of it", async () => {
    const rig = new PumpRig(32);
    rig.store("stored");
    await quiet();
    rig.store("stored again");
    await quiet();
    rig.store("refused");
    await quiet();
    const refusal = new Error("Redis refuses it");
    rig.finish = ([completion]) => Promise.resolve([completion!.result === "refused" ? refusal : false]);
    rig.sent[0]!.reply();
    for (const turn of rig.sent.slice(1)) turn.fail();
    await eventually(() => rig.stored.length === 3);
    rig.finish = () => Promise.reject(new Error("Redis is down"));
    rig.store("given up");
    await quiet();
    rig.sent[3]!.fail();
    await eventually(() => rig.storedAgain.length >= 3);
    rig.giveUp.abort();
    await rig.pump.idle();
    assertEquals(rig.stored.toSorted(([a], [b]) => a < b ? -1 : 1), [
      ["given up", undefined],
      ["refused", refusal],
      ["stored", true],
      ["stored again", false],
    ]);
  });
});

describe("Pump.run()", () => {
  for (const concurrency of [1, 2, 3, 32, 1000]) {
    const half = Math.min(Math.ceil(concurrency / 2), 50);
    it(`keeps two turns in flight, each for half of ${concurrency} slots or 50, and no third`, async () => {
      const rig = new PumpRig(concurrency);
      void rig.pump.run(never);
      await quiet();
      // Half of an odd number is rounded up, and what is left is not worth a turn.
      assertEquals(rig.sizes, concurrency % 2 === 1 ? [[0, half]] : [[0, half], [0, half]]);
      rig.pump.roomChanged();
      rig.store("result");
      await quiet();
      assertEquals(rig.leasing.length, concurrency === 1 ? 1 : 2);
    });

    it(`never leases more than there are free slots of ${concurrency}, and always something while there are any`, async () => {
      const action = fc.record({
        turns: fc.nat(2),
        tasks: fc.nat({ max: Math.ceil(concurrency * 1.2) }),
        isLast: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 30 }), async (actions) => {
          const rig = new PumpRig(concurrency);
          const run = rig.pump.run(never);
          await quiet();
          for (const { turns, tasks, isLast } of actions) {
            const answered = [...rig.unanswered];
            for (const turn of isLast ? answered.slice(answered.length - turns) : answered.slice(0, turns)) {
              turn.reply();
            }
            rig.complete(tasks);
            await quiet();
            if (rig.running.length < concurrency) assert(rig.leasing.length > 0, "a turn is in flight");
          }
          const ended = run.then((answer) => assertEquals(answer, true));
          rig.pump.stop();
          rig.complete(concurrency);
          await quiet();
          for (const turn of rig.unanswered) turn.reply();
          await ended;
          rig.complete(concurrency);
          await quiet();
          for (const turn of rig.unanswered) turn.reply();
          await rig.pump.idle();
          // Each task was finished once.
          assertEquals(new Set(rig.stored.map(([result]) => result)).size, rig.leased);
          assertEquals([rig.stored.length, rig.running.length], [rig.leased, 0]);
        }),
        { numRuns: concurrency > 100 ? 20 : 60 },
      );
    });
  }

  it("handles replies that arrive together one by one, each followed by the turn with its results", async () => {
    const rig = new PumpRig(4);
    // The functions are synchronous.
    rig.onLeased = () => rig.complete(2);
    void rig.pump.run(never);
    await quiet();
    const [first, second] = rig.sent;
    first!.reply();
    second!.reply();
    await quiet();
    assertEquals(rig.events, ["turn 0 2", "turn 0 2", "leased 2", "turn 2 2", "leased 2", "turn 2 2"]);
  });

  it("handles replies of turns that store results only one by one, too", async () => {
    const rig = new PumpRig(4);
    rig.onStored = ({ result }) => rig.store(`${result} again`);
    rig.store("first");
    await quiet();
    rig.store("second");
    await quiet();
    rig.onStored = () => rig.events.push("stored");
    for (const turn of [...rig.unanswered]) turn.reply();
    await quiet();
    assertEquals(rig.events, ["turn 1 0", "turn 1 0", "stored", "stored"]);
  });

  it("ends when a turn brings fewer than it asked for, as soon as the other one is answered", async () => {
    const rig = new PumpRig(8);
    const run = rig.pump.run(never);
    await quiet();
    rig.sent[0]!.reply(3);
    await quiet();
    rig.complete(3);
    await quiet();
    // The results go without leasing anything.
    assertEquals(rig.sizes, [[0, 4], [0, 4], [3, 0]]);
    assertEquals(await settled(run, 0), "pending");
    rig.sent[1]!.reply();
    assertEquals(await run, true);
    rig.complete(4);
    rig.pump.roomChanged();
    await quiet();
    assertEquals(rig.sizes.slice(3), [[4, 0]]);
  });

  it("resolves to false when a turn fails, after every reply, and leases nothing until it is called again", async () => {
    const rig = new PumpRig(4);
    const run = rig.pump.run(never);
    await quiet();
    rig.sent[0]!.reply();
    await quiet();
    rig.complete(2);
    await quiet();
    rig.sent[2]!.fail();
    await eventually(() => rig.storedAgain.length === 1);
    assertEquals(rig.storedAgain[0]!.map(({ result }) => result), ["task-0", "task-1"]);
    assertEquals(await settled(run, 0), "pending");
    rig.sent[1]!.reply();
    assertEquals(await run, false);
    assertEquals(rig.events.at(-1), "leased 2");
    rig.complete(1);
    rig.pump.roomChanged();
    await quiet();
    assertEquals(rig.sizes.slice(3), [[1, 0]]);
    const again = rig.pump.run(never);
    await quiet();
    assertEquals(rig.sizes.slice(4), [[0, 2]]);
    rig.sent[4]!.reply(0);
    assertEquals(await again, true);
  });

  it("stores the results of both turns again when both fail", async () => {
    const rig = new PumpRig(2);
    const run = rig.pump.run(never);
    await quiet();
    for (const turn of [...rig.unanswered]) turn.reply();
    await quiet();
    rig.complete(1);
    await quiet();
    rig.complete(1);
    await quiet();
    assertEquals(rig.sizes.slice(2), [[1, 1], [1, 1]]);
    for (const turn of [...rig.unanswered]) turn.fail();
    assertEquals(await run, false);
    await rig.pump.idle();
    assertEquals(rig.storedAgain.map((completions) => completions.length), [1, 1]);
    assertEquals(rig.stored.map(([result]) => result).sort(), ["task-0", "task-1"]);
  });

  it("is not cut short by a turn that stores results only, and stores these again", async () => {
    const rig = new PumpRig(2);
    const run = rig.pump.run(never);
    await quiet();
    rig.store("result");
    await quiet();
    rig.sent[2]!.fail();
    await eventually(() => rig.stored.length === 1);
    for (const turn of rig.leasing) turn.reply();
    await quiet();
    rig.complete(2);
    await quiet();
    assertEquals(rig.leasing.length, 2);
    rig.pump.stop();
    for (const turn of rig.leasing) turn.reply();
    assertEquals(await run, true);
  });

  it("ends when isDue() holds, and asks that again before each turn", async () => {
    const rig = new PumpRig(2);
    let isDue = false;
    const run = rig.pump.run(() => isDue);
    await quiet();
    isDue = true;
    for (const turn of [...rig.unanswered]) turn.reply();
    await quiet();
    rig.complete(2);
    assertEquals(await run, true);
    await quiet();
    assertEquals(rig.sizes, [[0, 1], [0, 1], [2, 0]]);
  });
});

describe("Pump.stop()", () => {
  it("ends the run only after the replies of all turns were received", async () => {
    const rig = new PumpRig(4);
    let hasEnded = false;
    const run = rig.pump.run(never).finally(() => hasEnded = true);
    await quiet();
    rig.pump.stop();
    rig.pump.stop();
    rig.pump.roomChanged();
    await quiet();
    rig.sent[1]!.reply();
    await quiet();
    assertEquals([hasEnded, rig.events.at(-1)], [false, "leased 2"]);
    rig.onLeased = () => assertEquals(hasEnded, false);
    rig.sent[0]!.reply();
    assertEquals(await run, true);
    assertEquals([rig.running.length, rig.sent.length], [4, 2]);
  });

  it("ends a run without turns at once, and changes nothing when there is no run", async () => {
    const rig = new PumpRig(1);
    rig.pump.stop();
    rig.running.push(...Array(1));
    const run = rig.pump.run(never);
    await quiet();
    assertEquals(rig.sizes, []);
    rig.pump.stop();
    assertEquals(await run, true);
    rig.pump.stop();
  });
});

describe("Pump.idle()", () => {
  it("resolves at once when there is nothing to store", async () => {
    await new PumpRig(1).pump.idle();
  });

  it("resolves for every caller when onStored was called for the last result", async () => {
    const rig = new PumpRig(1);
    rig.store("first");
    await quiet();
    rig.store("second");
    let answered = 0;
    const idle = [rig.pump.idle(), rig.pump.idle()].map((idle) => idle.then(() => answered = rig.stored.length));
    await quiet();
    rig.sent[0]!.reply();
    await quiet();
    assertEquals(answered, 0);
    rig.sent[1]!.reply();
    await Promise.all(idle);
    assertEquals(answered, 2);
  });

  it("waits for a result that onStored stores in place of a refused one", async () => {
    const rig = new PumpRig(1);
    rig.onStored = ({ result }) => result === "value" && rig.store("failure");
    rig.store("value");
    const idle = rig.pump.idle();
    await quiet();
    rig.sent[0]!.reply();
    await quiet();
    assertEquals(await settled(idle, 0), "pending");
    rig.sent[1]!.reply();
    await idle;
    assertEquals(rig.stored.map(([result]) => result), ["value", "failure"]);
  });
});
