import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { checked, type Duration, TimeoutError } from "../../../mod.ts";
import { schema } from "../tasks/schema.ts";
import { clockedWorkers } from "./clocked_workers.ts";

describe("The timeout of a checked task", () => {
  const setUp = clockedWorkers();

  it("covers its schemas and its function together", async () => {
    const { clock, worker } = setUp();
    const slow = schema<Duration>(async (value) => {
      await clock.delay("6s");
      return { value };
    });
    const seen: Duration[] = [];
    worker.task(
      "work",
      checked([slow], async (delay) => {
        await clock.delay(delay);
        seen.push(delay);
        return delay;
      }, slow),
      { timeout: "14s" },
    );
    void worker.run();
    const [fast, late] = [
      await worker.enqueueUnsafe("work", "1s"),
      await worker.enqueueUnsafe("work", "3s"),
    ];
    await clock.advance("13s");
    assertEquals((await fast.result()).success, true);
    assertEquals([await late.status(), seen], ["running", ["1s", "3s"]]);
    await clock.advance("1s");
    const { exception, startTime, finishTime } = await late.result();
    assertInstanceOf(exception, TimeoutError);
    assertEquals([exception.message, finishTime - startTime], [
      "Task work timed out: it did not finish within 14000 ms",
      14_000,
    ]);
  });
});
