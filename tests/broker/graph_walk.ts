import { assert, assertEquals } from "@std/assert";
import type { Broker } from "../../src/broker/contract/broker.ts";
import type { Consumer } from "../../src/broker/contract/consumer.ts";
import type { Delivery } from "../../src/broker/contract/delivery.ts";
import type { RecordReader } from "../../src/broker/contract/result.ts";
import type { NewTask } from "../../src/broker/contract/task.ts";
import { FailedTasks } from "../../src/queue/failures/failed_tasks.ts";
import { unknownRecord } from "../../src/queue/records/tolerant_codec.ts";
import { takingNew } from "./memory/rig.ts";
import { walkCount, walkName, walkPipedCount, type WalkStep } from "./graph_walk_steps.ts";

const [ttl, keep] = [600_000, 600_000];

/** A success begins with "ok". The failures of dependents are kept. */
export const reader: RecordReader = {
  hasSucceeded: (_, result) => result.toString().startsWith("ok"),
  failDependent: (taskId, _data, failedId) => ({ result: `${taskId} failed with ${failedId}`, ttl, keep }),
};

/** What the record of a task says. */
interface Relations {
  readonly previous?: string | undefined;
  readonly dependencies: readonly string[];
}

const ids = Array.from({ length: walkCount + walkPipedCount }, (_, n) => walkName(n));

/** Takes steps on a broker with one worker. */
export class GraphWalk {
  readonly #broker: Broker;
  readonly #consumer: Consumer;
  readonly #failed: FailedTasks;
  readonly #relations = new Map<string, Relations>();
  readonly #results = new Map<string, string>();
  /** Deliveries that are running. */
  #running: Delivery[] = [];
  #count = 0;

  constructor(broker: Broker) {
    this.#broker = broker;
    this.#consumer = broker.consumer({ name: "one-00000000", priorities: ["normal"], idleTimeout: 60_000 });
    this.#failed = new FailedTasks({
      failures: broker.failures,
      records: {
        read: (_id, data) => ({ ...unknownRecord, ...JSON.parse(data.toString()) }),
        readResult: () => {
          throw new Error("No results are read");
        },
      },
    });
  }

  async join(): Promise<void> {
    await this.#consumer.membership.join({ workerId: "one", summary: "", versions: new Map() });
  }

  async take(step: WalkStep): Promise<void> {
    this.#count++;
    switch (step.do) {
      case "publish":
        return await this.#publish(step);
      case "start":
        return await this.#start(step.count);
      case "finish":
        return await this.#finish(step.which, step);
      case "retry":
        return await this.#retry(step.ids.map(walkName));
      case "purge":
        return void await this.#failed.purge(walkName(step.id));
      case "abort":
        return await this.#abort(walkName(step.id));
      case "fanOut":
        return void await this.#consumer.completing.fanOut();
    }
  }

  /** Checks that no result has changed, that each task failed by itself or with one that has failed, and that the list of failures is of those that can be loaded. */
  async check(): Promise<void> {
    const results = await this.#broker.results(ids);
    const fresh: string[] = [];
    for (const [i, id] of ids.entries()) {
      const [earlier, result] = [this.#results.get(id), results[i]];
      if (earlier !== undefined) assertEquals(result, earlier, `result of ${id}`);
      if (result != null) this.#results.set(id, result.toString());
      if (result != null && earlier === undefined) fresh.push(result.toString());
    }
    for (const result of fresh) {
      const [, failedId] = result.split(" failed with ");
      if (failedId === undefined) continue;
      assertEquals(this.#results.get(failedId)?.startsWith("ok"), false, `${result}, which has failed itself`);
    }
    const { failures } = this.#broker;
    const loaded = (await failures.load(ids)).flatMap((failure) => failure ? [failure.taskId] : []);
    assertEquals((await failures.list()).map(({ taskId }) => taskId).sort(), loaded.sort());
    for (const id of loaded) assertEquals(await this.#broker.state(id), "done", id);
  }

  /** Finishes everything, and drops what is kept. */
  async drain(): Promise<void> {
    while (await this.#broker.size({ includeScheduled: true }) > 0) {
      while ((await this.#consumer.completing.fanOut()).unfinished);
      await this.#start(100);
      // Neither of them can be missing: something would wait in vain.
      assert(this.#running.length > 0 || await this.#broker.size({ includeScheduled: true }) === 0, "all can run");
      while (this.#running.length > 0) await this.#finish(0, { success: true, keep: false });
      await this.check();
    }
    while ((await this.#consumer.completing.fanOut()).unfinished);
    await this.#failed.purge(ids);
    // Entries of tasks that were aborted before they started.
    await this.#start(100);
    assertEquals(await this.#broker.failures.count(), 0);
  }

  async #publish({ id: number, after }: Extract<WalkStep, { do: "publish" }>): Promise<void> {
    const id = walkName(number);
    const dependencies = after.map(walkName).filter((other) => other !== id && other !== `${id}.2`);
    const relations = [{ dependencies }, { previous: id, dependencies: [] }];
    const [first, second] = relations.map((all) => ({ data: JSON.stringify(all), priority: "normal" }));
    const next: NewTask | undefined = number < walkPipedCount ? { id: `${id}.2`, ...second! } : undefined;
    const [answer] = await this.#broker.publish([{ id, ...first!, after: dependencies, next }]);
    if (this.#relations.has(id)) return assert(answer === "exists" || answer === "done", String(answer));
    const isKnown = dependencies.every((other) => this.#relations.has(other));
    assertEquals(answer instanceof Error, !isKnown);
    if (!isKnown) return;
    this.#relations.set(id, relations[0]!);
    if (next) this.#relations.set(next.id, relations[1]!);
  }

  async #start(count: number): Promise<void> {
    const { deliveries } = await this.#consumer.leasing.read(count, takingNew);
    const starts = await this.#consumer.leasing.start(deliveries);
    for (const [i, delivery] of deliveries.entries()) {
      const started = starts[i]!;
      // It was aborted before.
      if (typeof started === "string") continue;
      const { previous, dependencies } = this.#relations.get(delivery.taskId)!;
      for (const id of previous === undefined ? dependencies : [previous, ...dependencies]) {
        assert(this.#results.get(id)?.startsWith("ok"), `${id} has succeeded before ${delivery.taskId} runs`);
      }
      assertEquals(started.input, previous === undefined ? null : `from ${previous}`);
      this.#running.push(delivery);
    }
  }

  async #finish(
    which: number,
    { success, keep: isKept }: { readonly success: boolean; readonly keep: boolean },
  ): Promise<void> {
    const delivery = this.#running[which % this.#running.length];
    if (!delivery) return;
    this.#running = this.#running.filter((other) => other !== delivery);
    const { taskId } = delivery;
    const result = `${success ? "ok" : "failed"} ${this.#count}`;
    const output = { next: `${taskId}.2`, input: `from ${taskId}` };
    const failure = isKept ? { keep } : {};
    const completion = { delivery, success, result, ttl, ...success ? { output } : failure };
    const [counts] = await this.#consumer.completing.finish([completion]);
    // It was aborted meanwhile, unless it counts.
    assertEquals(counts, !this.#results.has(taskId));
  }

  async #retry(chosen: readonly string[]): Promise<void> {
    const before = await this.#statesOf();
    const count = await this.#failed.retry(chosen);
    const after = await this.#statesOf();
    const revived = ids.filter((_, i) => before[i] === "done" && after[i] !== "done");
    assertEquals(revived.length, count);
    for (const id of revived) this.#results.delete(id);
  }

  async #abort(taskId: string): Promise<void> {
    const isOpen = !["done", "missing"].includes(await this.#broker.state(taskId));
    const cancellation = { taskId, result: `aborted ${this.#count}`, ttl, mark: `mark ${this.#count}` };
    assertEquals(await this.#broker.abort(cancellation), isOpen);
  }

  async #statesOf(): Promise<string[]> {
    return await Promise.all(ids.map((id) => this.#broker.state(id)));
  }
}
