/** Runs the scripts side by side with a model. */
import { assertEquals } from "@std/assert";
import type { Completion } from "../../src/broker/contract/completing.ts";
import type { Delivery } from "../../src/broker/contract/delivery.ts";
import { Keys } from "../../src/broker/redis/keys.ts";
import { abort } from "../../src/broker/redis/scripts/end/abort.ts";
import { begin, begunKey } from "../../src/broker/redis/scripts/lease/begin.ts";
import { sortEntries, streams } from "../../src/broker/redis/scripts/reply/entries.ts";
import { find, findState } from "../../src/broker/redis/scripts/look/find.ts";
import { finish } from "../../src/broker/redis/scripts/end/finish.ts";
import { leave } from "../../src/broker/redis/scripts/lease/leave.ts";
import { isBefore } from "../../src/broker/redis/scripts/lease/entry_id.ts";
import { promote } from "../../src/broker/redis/scripts/schedule/promote.ts";
import { publish } from "../../src/broker/redis/scripts/enqueue/publish.ts";
import { fromBeginning, read } from "../../src/broker/redis/scripts/lease/read.ts";
import { release } from "../../src/broker/redis/scripts/lease/release.ts";
import { renew } from "../../src/broker/redis/scripts/lease/renew.ts";
import { retry } from "../../src/broker/redis/scripts/end/retry.ts";
import { start } from "../../src/broker/redis/scripts/lease/start.ts";
import { turn } from "../../src/broker/redis/scripts/lease/turn.ts";
import { otherConsumers } from "./scene.ts";
import type { RedisClient } from "../../src/redis/mod.ts";

import { leaseOf, type ModelStart, type ModelTask, stateOf, untimed } from "./model_task.ts";
import type { Step, TurnRow } from "./steps.ts";

const priorities = ["low", "high"];

/** A worker, with every delivery that it has ever leased, lost ones included. */
interface ModelWorker {
  name: string;
  readonly leased: Delivery[];
}

/** A queue on Redis and its model. */
export class Rig {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #tasks = new Map<string, ModelTask>();
  readonly #workers: ModelWorker[];
  #count = 0;

  constructor(redis: RedisClient, queue: string) {
    this.#redis = redis;
    this.#keys = new Keys(queue);
    this.#workers = Array.from({ length: 3 }, () => ({ name: this.#newName(), leased: [] }));
  }

  async open(): Promise<void> {
    for (const priority of priorities) {
      await this.#redis.command(["XGROUP", "CREATE", this.#keys.stream(priority), "workers", "0", "MKSTREAM"]);
    }
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "publish":
        return await this.#publish(step.ids.map((id) => `task-${id}`), step.high ? "high" : "low");
      case "read":
        return await this.#read(this.#workers[step.worker]!, step.count, step.takeover);
      case "wait":
        return await this.#wait(this.#workers[step.worker]!, step.count, step.start);
      case "turn": {
        const worker = this.#workers[step.worker]!;
        const completions = this.#completionsOf(worker, step.rows);
        for (let time = 0; time < (step.twice ? 2 : 1); time++) await this.#turn(worker, completions, step.count);
        return;
      }
      case "renew":
        return await this.#renew(this.#workers[step.worker]!);
      case "crash":
        this.#workers[step.worker] = { name: this.#newName(), leased: [] };
        return;
      case "leave":
        return await this.#leave(this.#workers[step.worker]!);
      case "promote":
        return await this.#promote();
      case "abort":
        for (let time = 0; time < (step.twice ? 2 : 1); time++) await this.#abort(`task-${step.id}`);
        this.#count++;
        return;
    }
    const worker = this.#workers[step.worker]!;
    const delivery = worker.leased[step.which % worker.leased.length];
    if (!delivery) return;
    for (let time = 0; time < (step.twice ? 2 : 1); time++) {
      if (step.do === "start") await this.#start(worker, delivery);
      if (step.do === "release") await this.#release(worker, delivery);
      if (step.do === "retry") await this.#retry(worker, delivery, time > 0 || step.isFree);
      if (step.do === "finish") await this.#finish(worker, delivery, step.success);
    }
  }

  /** Checks that Redis holds the same as the model. */
  async check(): Promise<void> {
    for (const [id, task] of this.#tasks) {
      const state = stateOf(task);
      assertEquals(await findState(this.#redis, this.#keys, priorities, id), state, id);
      assertEquals(await this.#redis.command(["GET", this.#keys.result(id)]), task.result, id);
      const found = await find(this.#redis, this.#keys, priorities, id, { binary: false, relatives: 0 });
      assertEquals(found?.data ?? null, task.result !== null ? null : `data of ${id}`);
      if (found) assertEquals(found.tries, task.tries + (state === "running" ? 1 : 0), `tries of ${id}`);
    }
    for (const priority of priorities) {
      const tasks = [...this.#tasks.values()].filter((task) => task.priority === priority);
      const stream = this.#keys.stream(priority);
      assertEquals(
        await this.#redis.command(["XLEN", stream]),
        tasks.filter(({ place }) => ["stream", "pending"].includes(place)).length,
      );
      const [pending] = await this.#redis.command<[number]>(["XPENDING", stream, "workers"]);
      assertEquals(pending, tasks.filter(({ place }) => place === "pending").length);
      const delayed = await this.#redis.command(["ZCARD", this.#keys.delayed(priority)]);
      assertEquals(delayed, tasks.filter(({ place }) => place === "delayed").length);
    }
  }

  /** Finishes everything with one last worker; nothing remains but results. */
  async drain(): Promise<void> {
    const last: ModelWorker = { name: this.#newName(), leased: [] };
    while ([...this.#tasks.values()].some(({ place }) => place !== "gone")) {
      last.leased.length = 0;
      await this.#promote();
      await this.#read(last, 4, true);
      for (const delivery of last.leased) {
        await this.#start(last, delivery);
        await this.#finish(last, delivery, true);
      }
    }
    await this.check();
    const stored = [...this.#tasks.keys()].flatMap((id) => [this.#keys.data(id), this.#keys.tries(id)]);
    if (stored.length > 0) assertEquals(await this.#redis.command(["EXISTS", ...stored]), 0);
    const { running, dropped, tried, inputs } = this.#keys;
    assertEquals(
      await this.#redis.command(["EXISTS", running, dropped, tried, inputs, this.#keys.output("missing")]),
      0,
    );
  }

  async #publish(ids: readonly string[], priority: string): Promise<void> {
    const expected = ids.map((id, i) => {
      const task = this.#tasks.get(id);
      if (task) return task.result !== null ? "done" : "exists";
      return ids.indexOf(id) < i ? "exists" : "created";
    });
    const answers = await publish(this.#redis, this.#keys, ids.map((id) => ({ id, priority, data: `data of ${id}` })));
    assertEquals(answers, expected);
    for (const id of ids) {
      if (this.#tasks.has(id)) continue;
      this.#tasks.set(id, {
        priority,
        place: "stream",
        holder: null,
        deliveries: 0,
        run: null,
        tries: 0,
        crashes: 0,
        hasRun: false,
        result: null,
      });
    }
  }

  async #read(worker: ModelWorker, count: number, takeover: boolean): Promise<void> {
    const options = { name: worker.name, priorities };
    const inFlight = worker.leased.filter((delivery) => this.#holds(worker, delivery));
    const found = await read(this.#redis, this.#keys, options, count, {
      known: inFlight,
      quarantined: Infinity,
      cursors: takeover ? fromBeginning(priorities) : new Map(),
      dead: await otherConsumers(this.#redis, this.#keys, priorities, worker.name),
    });
    assertEquals(found.broken, []);
    const free = [...this.#tasks].filter(([id, { place }]) =>
      place === "stream" || (takeover && place === "pending" && !inFlight.some(({ taskId }) => taskId === id))
    );
    assertEquals(found.deliveries.length, Math.min(count, free.length), "every available entry, up to the limit");
    for (const delivery of found.deliveries) {
      const task = this.#tasks.get(delivery.taskId)!;
      assertEquals(free.some(([id]) => id === delivery.taskId), true, "only available entries");
      Object.assign(task, {
        place: "pending",
        holder: worker.name,
        deliveries: task.deliveries + 1,
        entryId: delivery.entryId,
      });
      assertEquals(delivery.deliveries, task.deliveries);
      worker.leased.push(delivery);
    }
  }

  /** A blocking read, and the script behind it that starts the entries. */
  async #wait(worker: ModelWorker, count: number, limit: number): Promise<void> {
    const largestIds = new Map<string, string>();
    for (const { priority, entryId } of worker.leased) {
      const largest = largestIds.get(priority);
      if (largest === undefined || isBefore(largest, entryId)) largestIds.set(priority, entryId);
    }
    const names = priorities.toReversed();
    const keys = names.map((priority) => this.#keys.stream(priority));
    const command = ["XREADGROUP", "GROUP", "workers", worker.name, "COUNT", count, "STREAMS", ...keys] as const;
    const found = { deliveries: [] as Delivery[], broken: [] };
    for (const [key, entries] of streams(await this.#redis.command([...command, ...keys.map(() => ">")]))) {
      sortEntries(found, names[keys.indexOf(key)]!, entries);
    }
    for (const delivery of found.deliveries) {
      const task = this.#tasks.get(delivery.taskId)!;
      Object.assign(task, { place: "pending", holder: worker.name, deliveries: 1, entryId: delivery.entryId });
      worker.leased.push(delivery);
    }
    const options = { name: worker.name, priorities, idleTimeout: 0 };
    const begun = await begin(this.#redis, this.#keys, options, limit, largestIds, { binary: false, timeout: 1000 });
    assertEquals([...begun.keys()], found.deliveries.slice(0, limit).map(begunKey));
    for (const [i, answer] of [...begun.values()].entries()) {
      assertEquals(untimed(answer), this.#begin(worker, found.deliveries[i]!));
    }
  }

  async #start(worker: ModelWorker, delivery: Delivery): Promise<void> {
    const [answer] = await start(this.#redis, this.#keys, worker.name, [delivery], { binary: false });
    assertEquals(untimed(answer!), this.#begin(worker, delivery));
  }

  /** Expected outcome of a start. */
  #begin(worker: ModelWorker, delivery: Delivery): ModelStart {
    const task = this.#tasks.get(delivery.taskId)!;
    if (!this.#holds(worker, delivery)) {
      return task.place === "pending" && task.entryId === delivery.entryId ? "lost" : "ended";
    }
    if (task.result !== null) {
      Object.assign(task, { place: "gone", holder: null });
      return "ended";
    }
    const lease = leaseOf(task);
    if (task.run === null) {
      task.crashes = 0;
    } else if (task.run !== lease) {
      task.tries++;
      task.crashes++;
    }
    task.run = lease;
    return {
      tries: task.tries + 1,
      data: `data of ${delivery.taskId}`,
      size: null,
      isFirst: task.tries === 0 && !task.hasRun,
      crashes: task.crashes,
      input: null,
    };
  }

  async #finish(worker: ModelWorker, delivery: Delivery, success: boolean): Promise<void> {
    const completion: Completion = { delivery, success, result: `${success} by ${worker.name}`, ttl: 60_000 };
    const { ends } = await finish(this.#redis, this.#keys, worker.name, [completion]);
    assertEquals(ends, [this.#complete(worker, completion)]);
  }

  /** Whether a completion is expected to count. */
  #complete(worker: ModelWorker, { delivery, success, result }: Completion): boolean {
    const task = this.#tasks.get(delivery.taskId)!;
    if (task.result !== null) return task.result === result;
    const isPending = task.place === "pending" && task.entryId === delivery.entryId;
    const counts = success ? isPending : this.#holds(worker, delivery);
    if (counts) Object.assign(task, { place: "gone", holder: null, run: null, result });
    return counts;
  }

  /** Completions of different entries, as a worker holds none twice. */
  #completionsOf({ name, leased }: ModelWorker, rows: readonly TurnRow[]): Completion[] {
    const completions = new Map<string, Completion>();
    if (leased.length === 0) return [];
    for (const { which, success, hasOutput, ttl } of rows) {
      const delivery = leased[which % leased.length]!;
      const output = hasOutput ? { next: "missing", input: "output" } : undefined;
      const result = `${success} by ${name}`;
      completions.set(`${delivery.priority} ${delivery.entryId}`, { delivery, success, result, ttl, output });
    }
    return [...completions.values()];
  }

  async #turn(worker: ModelWorker, completions: readonly Completion[], count: number): Promise<void> {
    const options = { name: worker.name, priorities, idleTimeout: 0, binary: false };
    const { ends, listed, deliveries, starts, broken } = await turn(
      this.#redis,
      this.#keys,
      options,
      completions,
      count,
    );
    assertEquals(ends, completions.map((completion) => this.#complete(worker, completion)));
    assertEquals([listed, broken], [0, []]);
    const waiting = [...this.#tasks.values()].filter(({ place }) => place === "stream").map(({ priority }) => priority);
    // In alphabetical order, the high ones come first.
    assertEquals(deliveries.map(({ priority }) => priority), waiting.sort().slice(0, count));
    for (const delivery of deliveries) {
      const task = this.#tasks.get(delivery.taskId)!;
      assertEquals([task.place, delivery.deliveries], ["stream", 1], delivery.taskId);
      Object.assign(task, { place: "pending", holder: worker.name, deliveries: 1, entryId: delivery.entryId });
      worker.leased.push(delivery);
    }
    assertEquals(starts.map(untimed), deliveries.map((delivery) => this.#begin(worker, delivery)));
  }

  async #retry(worker: ModelWorker, delivery: Delivery, isCounted: boolean): Promise<void> {
    const task = this.#tasks.get(delivery.taskId)!;
    const tries = task.tries + (isCounted ? 0 : 1);
    // The due time is in the past, so that every promotion moves the task.
    const [answer] = await retry(this.#redis, this.#keys, worker.name, [{ delivery, tries, until: new Date(1000) }]);
    const lease = `${delivery.entryId} ${delivery.deliveries} ${worker.name}`;
    if (!this.#holds(worker, delivery) || task.result !== null) return assertEquals(answer, task.retriedBy === lease);
    assertEquals(answer, true);
    Object.assign(task, { place: "delayed", holder: null, run: null, tries, deliveries: 0, retriedBy: lease });
    task.hasRun = false;
  }

  async #promote(): Promise<void> {
    const delayed = [...this.#tasks.values()].filter(({ place }) => place === "delayed");
    const { promoted, next } = await promote(this.#redis, this.#keys, priorities);
    assertEquals([promoted, next], [delayed.length, null]);
    for (const task of delayed) task.place = "stream";
  }

  async #abort(taskId: string): Promise<void> {
    const result = `aborted ${this.#count}`;
    const cancellation = { taskId, result, ttl: 60_000, mark: `mark ${this.#count}` };
    const { aborted: counts } = await abort(this.#redis, this.#keys, priorities, cancellation);
    const task = this.#tasks.get(taskId);
    if (!task || task.result !== null) return assertEquals(counts, task?.result === result);
    assertEquals(counts, true);
    task.result = result;
    // The entry of a task that has not started is dropped when a worker is about to start it.
    if (task.run !== null || task.place === "delayed") {
      Object.assign(task, { place: "gone", holder: null, run: null });
    }
  }

  async #release(worker: ModelWorker, delivery: Delivery): Promise<void> {
    await release(this.#redis, this.#keys, worker.name, [delivery]);
    const task = this.#tasks.get(delivery.taskId)!;
    if (this.#holds(worker, delivery)) this.#releaseLease(task);
  }

  async #renew(worker: ModelWorker): Promise<void> {
    const options = { name: worker.name, priorities, idleTimeout: 60_000 };
    const status = { workerId: worker.name, summary: "", versions: new Map() };
    // Reads adopt the largest idle timeout; here it must stay 0, so that every lease is always expired.
    const { lost } = await renew(this.#redis, this.#keys, options, worker.leased, status);
    await this.#redis.command(["DEL", this.#keys.workers]);
    assertEquals(new Set(lost), new Set(worker.leased.filter((delivery) => !this.#holds(worker, delivery))));
  }

  async #leave(worker: ModelWorker): Promise<void> {
    await leave(this.#redis, this.#keys, { name: worker.name, priorities }, worker.name, []);
    for (const task of this.#tasks.values()) {
      if (task.holder === worker.name) this.#releaseLease(task, { isLeaving: true });
    }
  }

  /** Deletes the note of exactly this lease; that of an earlier lease is a crash, which counts. */
  #releaseLease(task: ModelTask, { isLeaving = false } = {}): void {
    if (task.run === leaseOf(task)) {
      task.run = null;
      if (!isLeaving) task.hasRun = true;
    }
    task.holder = null;
  }

  #holds(worker: ModelWorker, { taskId, deliveries, entryId }: Delivery): boolean {
    const task = this.#tasks.get(taskId)!;
    return task.place === "pending" && task.holder === worker.name && task.deliveries === deliveries &&
      task.entryId === entryId;
  }

  #newName(): string {
    return `worker-${this.#count++}`;
  }
}
