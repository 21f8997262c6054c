import { it } from "node:test";
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

behaviour("5,000 tasks that are due at the same time", (stage) => {
  it("run once each over three workers, none of them early", async () => {
    const queueName = stage.newQueue();
    const runs: number[] = [];
    const early: number[] = [];
    const due = Date.now() + 2000;
    const make = async () => {
      const worker = await stage.worker({ queueName });
      const job = worker.task((n: number) => {
        runs.push(n);
        if (Date.now() < due) early.push(n);
      }, { name: "job", ttl: 0 });
      return { worker, job };
    };
    const all = await Promise.all([make(), make(), make()]);
    const runnings = all.map(({ worker }) => running(worker));
    const { worker, job } = all[0]!;
    await worker.enqueueMany(Array.from({ length: 5000 }, (_, n) => job.enqueue(n).start({ schedule: new Date(due) })));
    await eventually(() => runs.length >= 5000, { timeout: 20_000 });
    await Promise.all(runnings.map((run) => run.stop()));
    assertEquals([runs.length, new Set(runs).size, early], [5000, 5000, []]);
    await stage.assertClean(worker);
  });
});

behaviour("50 tasks that are due one after the other", (stage) => {
  it("run in the order of their due times", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const ran: number[] = [];
    const job = worker.task((n: number) => void ran.push(n), { name: "job" });
    const run = running(worker);
    const due = Date.now() + 300;
    const order = Array.from({ length: 50 }, (_, n) => n);
    await worker.enqueueMany(
      order.toReversed().map((n) => job.enqueue(n).start({ schedule: new Date(due + 10 * n) })),
    );
    await eventually(() => ran.length === 50);
    assertEquals(ran, order);
    await run.stop();
    await stage.assertClean(worker);
  });
});
