/** Runs the scripts about tasks that depend on each other side by side with a model. */
import { assert, assertEquals } from "@std/assert";
import type { Completion } from "../../src/broker/contract/completing.ts";
import type { Delivery } from "../../src/broker/contract/delivery.ts";
import type { RecordReader } from "../../src/broker/contract/result.ts";
import type { Published } from "../../src/broker/contract/task.ts";
import { Keys } from "../../src/broker/redis/keys.ts";
import { publishLinked } from "../../src/broker/redis/linking.ts";
import { abort } from "../../src/broker/redis/scripts/end/abort.ts";
import { fanOut } from "../../src/broker/redis/scripts/dependents/fan_out.ts";
import { finish } from "../../src/broker/redis/scripts/end/finish.ts";
import { gather } from "../../src/broker/redis/scripts/enqueue/gather.ts";
import { link } from "../../src/broker/redis/scripts/enqueue/link.ts";
import { mend } from "../../src/broker/redis/scripts/dependents/mend.ts";
import { fromBeginning, read } from "../../src/broker/redis/scripts/lease/read.ts";
import type { Verdicts } from "../../src/broker/redis/scripts/enqueue/verdict.ts";
import { start } from "../../src/broker/redis/scripts/lease/start.ts";
import type { RedisClient } from "../../src/redis/mod.ts";
import { keysOf } from "../queue/keyspace.ts";
import { type Actor, newActor } from "./graph_actor.ts";
import { checkGraph, membersOf, priorities, show } from "./graph_check.ts";
import { GraphFailures } from "./graph_failures.ts";
import { GraphModel } from "./graph_model.ts";
import { otherConsumers } from "./scene.ts";
import { type GraphStep, nameOf, pipedCount } from "./graph_steps.ts";

const ttl = 600_000;

/** Records and results are plain words. */
const reader: RecordReader = {
  hasSucceeded: (_taskId, result) => String(result).startsWith("done"),
  failDependent: (taskId, _data, failedId) => ({ result: `${taskId} failed with ${failedId}`, ttl, keep: ttl }),
};

/** A queue on Redis and its model. */
export class GraphRig {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #model = new GraphModel();
  readonly #leases = new Map<string, Delivery & { readonly name: string }>();
  readonly #actors: Actor[] = [0, 1, 2].map((n) => newActor(`worker-${n}`));
  readonly #failures: GraphFailures;
  #count = 0;

  constructor(redis: RedisClient, queue: string) {
    this.#redis = redis;
    this.#keys = new Keys(queue);
    this.#failures = new GraphFailures(redis, this.#keys, this.#model, reader);
  }

  async open(): Promise<void> {
    for (const priority of priorities) {
      await this.#redis.command(["XGROUP", "CREATE", this.#keys.stream(priority), "workers", "0", "MKSTREAM"]);
    }
  }

  async take(step: GraphStep): Promise<void> {
    for (let time = 0; time < ("twice" in step && step.twice ? 2 : 1); time++) await this.#take(step, time > 0);
    this.#count++;
  }

  async #take(step: GraphStep, again: boolean): Promise<void> {
    switch (step.do) {
      case "publish":
        return await this.#publish(step.id, step.after);
      case "gather": {
        const actor = this.#actors[step.actor]!;
        actor.gathering = { id: nameOf(step.id), token: `token-${this.#count}`, after: [] };
        return await this.#gather(actor, step, { isFirst: true });
      }
      case "more":
        return await this.#gather(this.#actors[step.actor]!, step, { isFirst: false });
      case "link":
        return await this.#link(this.#actors[step.actor]!);
      case "run":
        return await this.#run(this.#actors[step.actor]!, step.takeover);
      case "finish":
        return await this.#finish(this.#actors[step.actor]!, step.which, step);
      case "retry": {
        // The leases of an earlier life are lost.
        for (const id of await this.#failures.retry(step, again)) this.#leases.delete(id);
        return;
      }
      case "purge":
        return await this.#failures.purge(nameOf(step.id));
      case "abort":
        return await this.#abort(nameOf(step.id), again);
      case "crowd":
        return await this.#crowd(nameOf(step.id));
      case "fanOut":
        return await this.#fanOut(this.#actors[step.actor]!);
      case "mend":
        // Nothing is lost here, so it must change nothing.
        assertEquals(await mend(this.#redis, this.#keys, "0"), "0");
    }
  }

  /** Checks that Redis holds the same as the model. */
  async check(): Promise<void> {
    await checkGraph(this.#redis, this.#keys, this.#model);
  }

  /** Finishes everything with one last worker; nothing remains but results. */
  async drain(): Promise<void> {
    const last = newActor("last");
    const { tasks, gathering, listed } = this.#model;
    while (listed.size > 0 || [...tasks.values()].some(({ place }) => place !== "finished")) {
      await this.#fanOut(last);
      last.leased.length = 0;
      await this.#run(last, true);
      if (last.leased.length > 0) await this.#finish(last, 0, { success: true, keep: false });
      await this.check();
    }
    // Stored dependencies whose task never followed are removed after a minute.
    for (const [id, token] of gathering) {
      await this.#redis.command(["HSET", this.#keys.waiting, id, `:1000 ${token}`]);
    }
    await mend(this.#redis, this.#keys, "0");
    for (const id of tasks.keys()) await this.#failures.purge(id);
    // Entries of tasks that were aborted before they started.
    await this.#run(last, true);
    const left = await keysOf(this.#redis, this.#keys.prefix);
    assertEquals(
      left.filter((key) =>
        !/:(queues:\w+|task:results:.*|ts:ended:.*|ts:results|ts:priorities|ts:purged:.*)$/.test(key)
      ),
      [],
    );
    for (const priority of priorities) {
      assertEquals(await this.#redis.command(["XLEN", this.#keys.stream(priority)]), 0);
    }
  }

  async #publish(number: number, numbers: readonly number[]): Promise<void> {
    const id = nameOf(number);
    const after = [...new Set(numbers)].map(nameOf).filter((dependency) => dependency !== id);
    const priority = priorities[number % 2]!;
    const next = number < pipedCount ? { id: `${id}.2`, priority: "low", data: "data" } : undefined;
    const [answer] = await publishLinked([{ id, priority, data: "data", after, next }], {
      redis: this.#redis,
      keys: this.#keys,
      binary: false,
      reader,
    });
    const task = this.#model.tasks.get(id);
    if (task) return assertEquals(answer, task.place === "finished" ? "done" : "exists");
    const states = after.map((dependency) => this.#model.dependencyState(dependency, true));
    const unknown = after.find((_, i) => states[i]!.kind === "unknown");
    if (unknown !== undefined) return this.#assertRefused(answer!, unknown);
    assertEquals(answer, "created");
    const roots = states.flatMap((state) => state.kind === "failed" ? [state.root] : []);
    const rows = next ? [id, next.id] : [id];
    if (roots.length > 0) {
      for (const [i, row] of rows.entries()) {
        const result = await this.#redis.command<string>(["GET", this.#keys.result(row)]);
        const root = roots.find((root) => result === `${row} failed with ${root}`);
        assert(root !== undefined, `${row} failed with one of ${roots}: ${result}`);
        assertEquals(await this.#redis.command(["GET", this.#keys.ended(row)]), `0 - :${root}`);
        const [rowAfter, rowPriority] = i === 0 ? [after, priority] : [[id], "low"];
        const failed = rowAfter.filter((dependency) => this.#model.dependencyState(dependency, true).kind === "failed");
        const blocker = await this.#failures.blockerOf(row) ?? failed[0]!;
        assert(failed.includes(blocker), `${blocker} is a failed dependency of ${row}`);
        const stored = { id: row, priority: rowPriority, next: i === 0 ? next?.id : undefined, after: rowAfter };
        this.#model.storeFailed(stored, { root, blocker, result });
      }
      return;
    }
    this.#model.link(id, priority, after, { ...next && { next: next.id } });
    if (next) this.#model.link(next.id, "low", [id], {});
  }

  #assertRefused(answer: Published, dependency: string): void {
    assert(answer instanceof Error && answer.message.includes(dependency), `${answer} names ${dependency}`);
  }

  async #gather(
    { gathering }: Actor,
    { after, isRead }: { after: readonly number[]; isRead: boolean },
    { isFirst }: { isFirst: boolean },
  ): Promise<void> {
    if (!gathering) return;
    const ids = [...new Set(after)].map(nameOf).filter((id) => id !== gathering.id);
    const verdicts = isRead ? this.#verdicts() : new Map();
    const edges = { token: gathering.token, isFirst, after: ids };
    const obstacle = await gather(this.#redis, this.#keys, gathering.id, edges, verdicts);
    const expected = this.#model.gather(gathering.id, gathering.token, ids, { isFirst, isRead });
    assertEquals(show(obstacle), expected);
    const [kind, ...others] = expected;
    if (kind === undefined || kind === "unread") gathering.after.push(...ids.filter((id) => !others.includes(id)));
  }

  async #link({ gathering }: Actor): Promise<void> {
    if (!gathering) return;
    const { id, token } = gathering;
    const task = { id, priority: "high", data: "data" };
    const row = { task, after: [], isPiped: false, failure: undefined, token };
    const [obstacle] = await link(this.#redis, this.#keys, [row], this.#verdicts());
    const before = this.#model.tasks.get(id);
    if (before) return assertEquals(show(obstacle), [before.place === "finished" ? "done" : "exists"]);
    if (this.#model.gathering.get(id) !== token) return assertEquals(show(obstacle), ["changed"]);
    assertEquals(show(obstacle), []);
    this.#model.link(id, "high", [], { token, gathered: [...new Set(gathering.after)] });
  }

  /** Leases a task and starts it. */
  async #run(actor: Actor, takeover: boolean): Promise<void> {
    const { name } = actor;
    const options = { name, priorities };
    const cursors = takeover ? fromBeginning(priorities) : new Map<string, string>();
    const inFlight = actor.leased.filter((delivery) => this.#holds(actor, delivery));
    const dead = await otherConsumers(this.#redis, this.#keys, priorities, name);
    const search = { known: inFlight, quarantined: 1, cursors, dead };
    const { deliveries } = await read(this.#redis, this.#keys, options, 4, search);
    const starts = await start(this.#redis, this.#keys, name, deliveries, { binary: false });
    for (const [i, delivery] of deliveries.entries()) {
      const task = this.#model.tasks.get(delivery.taskId)!;
      if (task.place === "finished") {
        assertEquals(starts[i], "ended");
        continue;
      }
      const answer = starts[i]!;
      assert(typeof answer === "object", `${task.id} starts`);
      assert(task.place === "queued" || task.place === "leased", `${task.id} no longer waits`);
      for (const dependency of task.after) {
        assert(this.#model.tasks.get(dependency)!.success, `${dependency} succeeded`);
      }
      const source = [...this.#model.tasks.values()].find(({ next }) => next === task.id);
      assertEquals([answer.data, answer.input], ["data", source ? `from ${source.id}` : null]);
      task.place = "leased";
      this.#leases.set(task.id, { ...delivery, name });
      actor.leased.push(delivery);
    }
  }

  async #finish(
    actor: Actor,
    which: number,
    { success, keep }: { readonly success: boolean; readonly keep: boolean },
  ): Promise<void> {
    const delivery = actor.leased[which % actor.leased.length];
    if (!delivery) return;
    const { taskId } = delivery;
    const task = this.#model.tasks.get(taskId)!;
    const result = `${success ? "done" : "failed"} by ${actor.name}`;
    const output = task.next === undefined ? undefined : { next: task.next, input: `from ${taskId}` };
    const isKept = keep && !success;
    const completion: Completion = {
      delivery,
      success,
      result,
      ttl,
      ...success && { output },
      ...isKept && { keep: ttl },
    };
    const { ends: [counts], listed } = await finish(this.#redis, this.#keys, actor.name, [completion]);
    if (task.place === "finished") {
      const isListed = task.result === result && this.#model.listed.has(taskId);
      return assertEquals([counts, listed], [task.result === result, isListed ? 1 : 0]);
    }
    const isCurrent = this.#leases.get(taskId)?.entryId === delivery.entryId;
    const expected = isCurrent && (success || this.#holds(actor, delivery));
    assertEquals(counts, expected);
    if (!expected) return;
    this.#model.finish(taskId, success, result, { isMarked: false, isKept });
    assertEquals(listed, this.#model.listed.has(taskId) ? 1 : 0);
  }

  async #abort(taskId: string, again: boolean): Promise<void> {
    const result = `aborted ${this.#count}`;
    const cancellation = { taskId, result, ttl, mark: `mark ${this.#count}` };
    const answer = await abort(this.#redis, this.#keys, priorities, cancellation);
    const task = this.#model.tasks.get(taskId);
    if (!task || task.place === "finished") {
      const aborted = again && task?.result === result;
      assertEquals(answer, { aborted, listed: aborted && this.#model.listed.has(taskId) });
      return;
    }
    this.#model.finish(taskId, false, result, { isMarked: true });
    assertEquals(answer, { aborted: true, listed: this.#model.listed.has(taskId) });
  }

  /** Adds more dependents to a task than the script that finishes it releases; none of them waits. */
  async #crowd(id: string): Promise<void> {
    const task = this.#model.tasks.get(id);
    if (!task || task.place === "finished" || !this.#model.dependents.has(id)) return;
    const crowd = Array.from({ length: 501 }, (_, n) => `absent-${n}`);
    await this.#redis.command(["SADD", this.#keys.dependents(id), ...crowd]);
    for (const one of crowd) this.#model.dependents.get(id)!.add(one);
  }

  /** Fails the dependents that the last fan-out returned, and loads the next ones. */
  async #fanOut(actor: Actor): Promise<void> {
    const { listed } = this.#model;
    const failures = actor.failing.map(({ taskId, dependency, failedId, data }) => {
      return { taskId, dependency, ...reader.failDependent(taskId, data, failedId) };
    });
    const reply = await fanOut(this.#redis, this.#keys, failures, { binary: false });
    let failed = 0;
    for (const { dependency, taskId, result } of failures) {
      if (this.#model.fail(taskId, dependency, String(result))) failed++;
    }
    // A call may choose any of many dependents, but the outcome of each is fixed.
    let released = 0;
    for (const [dependency, { outcome, ids }] of [...listed]) {
      const left = new Set(await membersOf(this.#redis, this.#keys.fanOut(dependency)));
      for (const id of [...ids]) {
        if (left.has(id)) continue;
        ids.delete(id);
        if (outcome === "1") {
          const before = this.#model.tasks.get(id)?.place;
          this.#model.removeDependency(id, dependency);
          if (before === "waiting" && this.#model.tasks.get(id)!.place === "queued") released++;
        } else {
          assert(!this.#model.isWaitingFor(id, dependency), `${id} still waits for ${dependency}`);
        }
      }
      if (ids.size === 0) listed.delete(dependency);
    }
    assertEquals([reply.released, reply.failed, reply.listed], [released, failed, listed.size]);
    for (const { taskId, dependency, failedId } of reply.failing) {
      assert(this.#model.isWaitingFor(taskId, dependency), `${taskId} waits for ${dependency}`);
      assertEquals(`0 ${failedId}`, listed.get(dependency)!.outcome);
    }
    actor.failing = reply.failing;
  }

  #verdicts(): Verdicts {
    const ended = [...this.#model.tasks.values()].filter(({ place }) => place === "finished");
    return new Map(ended.map(({ id, success }) => [id, success]));
  }

  #holds({ name }: Actor, { taskId, entryId, deliveries }: Delivery): boolean {
    const lease = this.#leases.get(taskId);
    return lease?.name === name && lease.entryId === entryId && lease.deliveries === deliveries;
  }
}
