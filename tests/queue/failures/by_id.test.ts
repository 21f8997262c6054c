import { it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { behaviour } from "../behaviour.ts";

behaviour("failures of given tasks", (stage) => {
  it("are listed by their ids, each once", async () => {
    const worker = await stage.worker();
    const fail = worker.task("fail", () => Promise.reject(new Error("failed")));
    for (const id of ["1", "2", "3"]) {
      await fail.enqueue().start({ id });
      await worker.drain();
    }
    const found = async (which: string | string[]) => (await worker.failures(which)).map(({ taskId }) => taskId);
    assertEquals(await found("2"), ["2"]);
    assertEquals(new Set(await found(["1", "3", "1", "none"])), new Set(["1", "3"]));
    assertEquals([(await found(["1", "3", "1"])).length, await found([]), await found("none")], [2, [], []]);
    await assertRejects(() => worker.failures(""), Error, "Cannot use id");
    await assertRejects(() => worker.failures([7] as never), Error, "Cannot use id");
    await worker.purgeFailed({});
    await stage.assertClean(worker);
  });
});
