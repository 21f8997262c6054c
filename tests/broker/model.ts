/** The scripts and a model of what they should do, side by side. */
import { assertEquals } from "@std/assert";
import type { Completion } from "../../src/broker/contract/completing.ts";
import type { Delivery, Start, Started } from "../../src/broker/contract/delivery.ts";
import { Keys } from "../../src/broker/redis/keys.ts";
import { abort } from "../../src/broker/redis/scripts/end/abort.ts";
import { begin, begunKey } from "../../src/broker/redis/scripts/lease/begin.ts";
import { sortEntries, streams } from "../../src/broker/redis/scripts/lease/entries.ts";
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
import type { RedisClient } from "../../src/redis/mod.ts";

import type { Step } from "./steps.ts";

const priorities = ["low", "high"];

/** What the model knows of a task. */
interface ModelTask {
  readonly priority: string;
  /** Where its entry is; `delayed` where it waits for a time instead, `gone` when there is none. */
  place: "stream" | "pending" | "delayed" | "gone";
  /** Who holds it; `null` when it was handed back. */
  holder: string | null;
  deliveries: number;
  /** The entry that was delivered last. */
  entryId?: string;
  /** The lease that a run was noted under. */
  mark: string | null;
  /** Tries that are spent. */
  tries: number;
  /** Runs in a row that were cut off. */
  crashes: number;
  /** Whether it has run, though no try was spent. */
  resumed: boolean;
  result: string | null;
}

/** What a start is expected to answer; the time is Redis' own. */
type ModelStart = Omit<Started, "time"> | "lost" | "ended";

function untimed(start: Start): ModelStart {
  if (typeof start === "string") return start;
  const { time: _, ...rest } = start;
  return rest;
}

function leaseOf({ holder, entryId, deliveries }: ModelTask): string {
  return `${holder} ${entryId} ${deliveries}`;
}

function stateOf({ result, mark, place }: ModelTask): string {
  if (result !== null) return "done";
  if (mark !== null) return "running";
  return place === "delayed" ? "scheduled" : "queued";
}

/** A worker: all that it ever leased, lost or not. */
interface ModelWorker {
  name: string;
  readonly known: Delivery[];
}

/** The real thing and the model, side by side. */
export class Rig {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #tasks = new Map<string, ModelTask>();
  readonly #workers: ModelWorker[];
  #named = 0;

  constructor(redis: RedisClient, queue: string) {
    this.#redis = redis;
    this.#keys = new Keys(queue);
    this.#workers = Array.from({ length: 3 }, () => ({ name: this.#newName(), known: [] }));
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
        return await this.#read(this.#workers[step.who]!, step.count, step.takeover);
      case "wait":
        return await this.#wait(this.#workers[step.who]!, step.count, step.start);
      case "renew":
        return await this.#renew(this.#workers[step.who]!);
      case "crash":
        this.#workers[step.who] = { name: this.#newName(), known: [] };
        return;
      case "leave":
        return await this.#leave(this.#workers[step.who]!);
      case "promote":
        return await this.#promote();
      case "abort":
        for (let time = 0; time < (step.twice ? 2 : 1); time++) await this.#abort(`task-${step.id}`);
        this.#named++;
        return;
    }
    const worker = this.#workers[step.who]!;
    const delivery = worker.known[step.which % worker.known.length];
    if (!delivery) return;
    for (let time = 0; time < (step.twice ? 2 : 1); time++) {
      if (step.do === "start") await this.#start(worker, delivery);
      if (step.do === "release") await this.#release(worker, delivery);
      if (step.do === "retry") await this.#retry(worker, delivery, time > 0);
      if (step.do === "finish") await this.#finish(worker, delivery, step.success);
    }
  }

  /** What Redis holds is what the model says. */
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

  /** Whatever has happened, one worker that is left ends everything, and nothing remains but results. */
  async drain(): Promise<void> {
    const last: ModelWorker = { name: this.#newName(), known: [] };
    while ([...this.#tasks.values()].some(({ place }) => place !== "gone")) {
      last.known.length = 0;
      await this.#promote();
      await this.#read(last, 4, true);
      for (const delivery of last.known) {
        await this.#start(last, delivery);
        await this.#finish(last, delivery, true);
      }
    }
    await this.check();
    const stored = [...this.#tasks.keys()].flatMap((id) => [this.#keys.data(id), this.#keys.tries(id)]);
    if (stored.length > 0) assertEquals(await this.#redis.command(["EXISTS", ...stored]), 0);
    assertEquals(await this.#redis.command(["EXISTS", this.#keys.running, this.#keys.dropped]), 0);
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
        mark: null,
        tries: 0,
        crashes: 0,
        resumed: false,
        result: null,
      });
    }
  }

  async #read(worker: ModelWorker, count: number, takeover: boolean): Promise<void> {
    const options = { name: worker.name, priorities, idleTimeout: 0 };
    const held = worker.known.filter((delivery) => this.#holds(worker, delivery));
    const found = await read(this.#redis, this.#keys, options, count, {
      known: held,
      quarantined: Infinity,
      cursors: takeover ? fromBeginning(priorities) : new Map(),
    });
    assertEquals(found.broken, []);
    const free = [...this.#tasks].filter(([id, { place }]) =>
      place === "stream" || (takeover && place === "pending" && !held.some(({ taskId }) => taskId === id))
    );
    assertEquals(found.deliveries.length, Math.min(count, free.length), "as many as there are");
    for (const delivery of found.deliveries) {
      const task = this.#tasks.get(delivery.taskId)!;
      assertEquals(free.some(([id]) => id === delivery.taskId), true, "only what is free");
      Object.assign(task, {
        place: "pending",
        holder: worker.name,
        deliveries: task.deliveries + 1,
        entryId: delivery.entryId,
      });
      assertEquals(delivery.deliveries, task.deliveries);
      worker.known.push(delivery);
    }
  }

  /** A blocking read, and the script behind it that starts what came. */
  async #wait(worker: ModelWorker, count: number, limit: number): Promise<void> {
    const known = new Map<string, string>();
    for (const { priority, entryId } of worker.known) {
      const largest = known.get(priority);
      if (largest === undefined || isBefore(largest, entryId)) known.set(priority, entryId);
    }
    const names = priorities.toReversed();
    const keys = names.map((priority) => this.#keys.stream(priority));
    const command = ["XREADGROUP", "GROUP", "workers", worker.name, "COUNT", count, "STREAMS", ...keys] as const;
    const came = { deliveries: [] as Delivery[], broken: [] };
    for (const [key, entries] of streams(await this.#redis.command([...command, ...keys.map(() => ">")]))) {
      sortEntries(came, names[keys.indexOf(key)]!, entries);
    }
    for (const delivery of came.deliveries) {
      const task = this.#tasks.get(delivery.taskId)!;
      Object.assign(task, { place: "pending", holder: worker.name, deliveries: 1, entryId: delivery.entryId });
      worker.known.push(delivery);
    }
    const options = { name: worker.name, priorities, idleTimeout: 0 };
    const begun = await begin(this.#redis, this.#keys, options, limit, known, { binary: false, timeout: 1000 });
    assertEquals([...begun.keys()], came.deliveries.slice(0, limit).map(begunKey));
    for (const [i, answer] of [...begun.values()].entries()) {
      assertEquals(untimed(answer), this.#begin(worker, came.deliveries[i]!));
    }
  }

  async #start(worker: ModelWorker, delivery: Delivery): Promise<void> {
    const [answer] = await start(this.#redis, this.#keys, worker.name, [delivery], { binary: false });
    assertEquals(untimed(answer!), this.#begin(worker, delivery));
  }

  /** What a start answers. */
  #begin(worker: ModelWorker, delivery: Delivery): ModelStart {
    const task = this.#tasks.get(delivery.taskId)!;
    if (!this.#holds(worker, delivery)) return "lost";
    if (task.result !== null) {
      Object.assign(task, { place: "gone", holder: null });
      return "ended";
    }
    const lease = leaseOf(task);
    if (task.mark === null) {
      task.crashes = 0;
    } else if (task.mark !== lease) {
      task.tries++;
      task.crashes++;
    }
    task.mark = lease;
    return {
      tries: task.tries + 1,
      data: `data of ${delivery.taskId}`,
      isFirst: task.tries === 0 && !task.resumed,
      crashes: task.crashes,
      input: null,
    };
  }

  async #finish(worker: ModelWorker, delivery: Delivery, success: boolean): Promise<void> {
    const result = `${success} by ${worker.name}`;
    const ending: Completion = { delivery, success, result, ttl: 60_000 };
    const { ends: [counts] } = await finish(this.#redis, this.#keys, worker.name, [ending]);
    const task = this.#tasks.get(delivery.taskId)!;
    if (task.result !== null) return assertEquals(counts, task.result === result);
    const isPending = task.place === "pending" && task.entryId === delivery.entryId;
    const expected = success ? isPending : this.#holds(worker, delivery);
    assertEquals(counts, expected);
    if (expected) Object.assign(task, { place: "gone", holder: null, mark: null, result });
  }

  async #retry(worker: ModelWorker, delivery: Delivery, again: boolean): Promise<void> {
    const task = this.#tasks.get(delivery.taskId)!;
    const tries = task.tries + (again ? 0 : 1);
    // In the past, so that promoting is always due.
    const [answer] = await retry(this.#redis, this.#keys, worker.name, [{ delivery, tries, until: new Date(1000) }]);
    if (!this.#holds(worker, delivery) || task.result !== null) {
      // Sent again it answers the same; what somebody else has spent since may look like it, and only to the log.
      return;
    }
    assertEquals(answer, true);
    Object.assign(task, { place: "delayed", holder: null, mark: null, tries, deliveries: 0 });
  }

  async #promote(): Promise<void> {
    const delayed = [...this.#tasks.values()].filter(({ place }) => place === "delayed");
    const { promoted, next } = await promote(this.#redis, this.#keys, priorities);
    assertEquals([promoted, next], [delayed.length, null]);
    for (const task of delayed) task.place = "stream";
  }

  async #abort(taskId: string): Promise<void> {
    const result = `aborted ${this.#named}`;
    const cancellation = { taskId, result, ttl: 60_000, mark: `mark ${this.#named}` };
    const { aborted: counts } = await abort(this.#redis, this.#keys, priorities, cancellation);
    const task = this.#tasks.get(taskId);
    if (!task || task.result !== null) return assertEquals(counts, task?.result === result);
    assertEquals(counts, true);
    task.result = result;
    // What nobody has started is dropped when it comes to its start.
    if (task.mark !== null || task.place === "delayed") {
      Object.assign(task, { place: "gone", holder: null, mark: null });
    }
  }

  async #release(worker: ModelWorker, delivery: Delivery): Promise<void> {
    await release(this.#redis, this.#keys, worker.name, [delivery]);
    const task = this.#tasks.get(delivery.taskId)!;
    if (this.#holds(worker, delivery)) this.#handBack(task);
  }

  async #renew(worker: ModelWorker): Promise<void> {
    const options = { name: worker.name, priorities, idleTimeout: 60_000 };
    const life = { workerId: worker.name, summary: "" };
    // Reads look the largest timeout up, and here they are to find every lease at any time.
    const { lost } = await renew(this.#redis, this.#keys, options, worker.known, life);
    await this.#redis.command(["DEL", this.#keys.workers]);
    assertEquals(new Set(lost), new Set(worker.known.filter((delivery) => !this.#holds(worker, delivery))));
  }

  async #leave(worker: ModelWorker): Promise<void> {
    await leave(this.#redis, this.#keys, { name: worker.name, priorities, idleTimeout: 60_000 }, worker.name, []);
    for (const task of this.#tasks.values()) {
      if (task.holder === worker.name) this.#handBack(task, true);
    }
  }

  /** Takes back the mark of just this lease; that of an earlier one is a crash, and counts. */
  #handBack(task: ModelTask, byLeaving = false): void {
    if (task.mark === leaseOf(task)) {
      task.mark = null;
      if (!byLeaving) task.resumed = true;
    }
    task.holder = null;
  }

  #holds(worker: ModelWorker, { taskId, deliveries, entryId }: Delivery): boolean {
    const task = this.#tasks.get(taskId)!;
    return task.place === "pending" && task.holder === worker.name && task.deliveries === deliveries &&
      task.entryId === entryId;
  }

  #newName(): string {
    return `worker-${this.#named++}`;
  }
}
