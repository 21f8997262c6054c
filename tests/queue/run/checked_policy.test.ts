import { it } from "node:test";
import { assertEquals } from "@std/assert";
import { checked, taskContext } from "../../../mod.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";
import { schema } from "../tasks/schema.ts";

const refusing = schema<number>(() => ({ issues: [{ message: "no" }] }));
const failing = schema<number>(() => {
  throw new Error("gotcha");
});
const never = schema<number>(() => new Promise(() => {}));

behaviour("The retry policy of a checked task", (stage) => {
  it("is not asked about arguments and results that are invalid, nor about schemas that fail", async () => {
    const worker = await stage.worker();
    let [asked, calls] = [0, 0];
    const one = () => {
      calls++;
      return 1;
    };
    const retry = () => {
      asked++;
      return 0;
    };
    worker.task("refused", checked([refusing], one), { retry });
    worker.task("failing", checked([failing], one), { retry });
    worker.task("stuck", checked([never], one), { retry, timeout: 20 });
    worker.task("result", checked([], one, refusing), { retry });
    const tasks = await worker.enqueueMany([
      worker.enqueueUnsafe("refused", 1),
      worker.enqueueUnsafe("failing", 1),
      worker.enqueueUnsafe("stuck", 1),
      worker.enqueueUnsafe("result"),
    ]);
    const run = running(worker);
    const results = await Promise.all(tasks.map((task) => task.result()));
    assertEquals(results.map(({ exception, tries }) => [exception?.name, tries]), [
      ["ValidationError", 0],
      ["StreaqError", 0],
      ["TimeoutError", 0],
      ["ValidationError", 1],
    ]);
    await run.stop();
    assertEquals([asked, calls, worker.counters.retried], [0, 1, 0]);
    await stage.assertClean(worker);
  });

  it("is asked about a timeout while a result is checked, and may read the signal as the function did", async () => {
    const worker = await stage.worker();
    const signals: AbortSignal[] = [];
    const note = () => {
      signals.push(taskContext().signal);
      return 0;
    };
    const task = worker.task("task", checked([], note, never), { retry: note, timeout: 20, maxTries: 2 });
    const run = running(worker);
    const { exception, tries } = await (await task.enqueue()).result();
    assertEquals([exception?.name, tries, signals.length, new Set(signals).size], ["TimeoutError", 2, 3, 2]);
    await run.stop();
    await stage.assertClean(worker);
  });
});
