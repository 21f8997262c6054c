import { it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { deferred } from "../../../src/base/async.ts";
import type { Broker } from "../../../src/broker/contract/broker.ts";
import { openBroker } from "../../../src/broker/open.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, running } from "../stage.ts";

const priorities = ["normal"];
/** So short that a lease expires at once when its holder has died. */
const idleTimeout = 100;

behaviour("a task whose last two runs were cut off with their workers", (stage) => {
  it("does not take the place of other tasks: they run at full width beside it", async () => {
    const options = { ...(await stage.broker).options, queueName: stage.newQueue() };
    const worker = await stage.worker({ ...options, concurrency: 4, idleTimeout });
    const gate = deferred<void>();
    let [now, most] = [0, 0];
    const crasher = worker.task(async function crasher() {
      most = Math.max(most, ++now);
      await gate.promise;
      now--;
    });
    let done = 0;
    const quick = worker.task(async function quick() {
      await Promise.resolve();
      done++;
    });
    const crashers = await worker.enqueueMany(Array.from({ length: 4 }, () => crasher.enqueue()));
    await using broker = openBroker({
      ...{ redisUrl: options.redisUrl!, redisOptions: {}, redis: undefined, queueName: options.queueName },
      ...{ priorities, binary: false, isInThread: false, clock: systemClock, logger: new Lines() },
      reader: { hasSucceeded: () => true, failDependent: () => ({ result: "", ttl: null }) },
    });
    for (const name of ["first", "second"]) await cutOff(broker, name, crashers.length);

    const run = running(worker);
    await eventually(() => now === 1, { timeout: 10_000 });
    await worker.enqueueMany(Array.from({ length: 20 }, () => quick.enqueue()));
    await eventually(() => done === 20, { timeout: 10_000, message: "the quick tasks are done" });
    assertEquals([now, most], [1, 1]);

    gate.resolve();
    for (const task of crashers) assert((await task.result({ timeout: "20s" })).success);
    assertEquals(most, 1);
    await run.stop();
    await stage.assertClean(worker);
  });
});

/** Leases and starts all tasks as a worker that dies then. */
async function cutOff(broker: Broker, name: string, count: number): Promise<void> {
  const { leasing, membership } = broker.consumer({ name: `${name}-0000abcd`, priorities, idleTimeout });
  await membership.join({ workerId: name, summary: "", versions: new Map() });
  let cut = 0;
  await eventually(async () => {
    const { deliveries } = await leasing.read(count, { takeover: "first", inFlight: [], quarantined: count });
    const starts = await leasing.start(deliveries);
    cut += starts.filter((start) => typeof start === "object").length;
    return cut >= count;
  });
}
