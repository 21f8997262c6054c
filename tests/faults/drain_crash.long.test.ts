import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { onRedis } from "../queue/brokers.ts";
import { Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { type Note, WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);

describe("worker processes that are killed in the middle of a drain", () => {
  it("leave each of 30,000 tasks to be finished once, and cost only tasks with a slot a try", async () => {
    const concurrency = 8;
    const worker = await stage.worker();
    const work = worker.task((_ms: number): number => 0, { name: "work" });
    const { server } = await stage.broker;
    const options = { redisUrl: server.url, queueName: worker.queueName, idleTimeout: 3000, concurrency };
    await using processes = new WorkerProcesses(options);
    const tasks = await worker.enqueueMany(Array.from({ length: 30_000 }, (_, n) => work.enqueue(n % 4)));
    let isDone = false;
    const results = Promise.all(tasks.map((task) => task.result({ timeout: "100s" }))).finally(() => isDone = true);
    const startsOf = (workerId: string) => processes.starts().filter((start) => start.workerId === workerId).length;
    const victims = await Promise.all([processes.start(), processes.start(), processes.start()]);
    const killed = new Set<string>();
    while (killed.size < 40 && !isDone) {
      const victim = victims.shift()!;
      const quota = startsOf(victim.workerId) + 50 + Math.floor(Math.random() * 100);
      await eventually(() => isDone || startsOf(victim.workerId) >= quota, { timeout: 60_000 });
      await victim.kill();
      killed.add(victim.workerId);
      victims.push(await processes.start());
    }
    const found = await results;
    for (const { stop } of victims) assertEquals(await stop(), 0);
    assertEquals(found.filter(({ success }) => !success).map(({ exception }) => exception), []);
    const starts = new Map<string, Note[]>(tasks.map(({ id }) => [id, []]));
    for (const start of processes.starts()) starts.get(start.taskId)!.push(start);
    // Tries that were spent though the function was not called.
    let idleTries = 0;
    for (const { taskId, tries } of found) {
      const own = starts.get(taskId)!;
      assertEquals(new Set(own.map(({ workerId }) => workerId)).size, own.length, `${taskId} ran twice on a worker`);
      for (const { workerId } of own.slice(0, -1)) assert(killed.has(workerId), `${taskId} was taken from ${workerId}`);
      assertEquals(own.at(-1)!.tries, tries);
      idleTries += tries - own.length;
    }
    assert(idleTries <= killed.size * concurrency, `${idleTries} tries`);
    await stage.assertClean(worker);
  });
});
