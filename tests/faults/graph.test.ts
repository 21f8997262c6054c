/**
 * Graphs of tasks at random, on workers that are killed at random, with tasks aborted at random, against what must be
 * true of every graph: which task ended how, who is to blame, and that each ran after all that it depends on.
 */
import { describe, it } from "node:test";
import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { deferred } from "../../src/base/async.ts";
import type { EnqueueRequest } from "../../src/queue/enqueue/registered_task.ts";
import type { Worker } from "../../src/queue/worker.ts";
import { onRedis } from "../queue/brokers.ts";
import { sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { Crew, type Hand } from "./crew.ts";
import { checkFates, dependenciesOf, type Fate, type Plan, plans, type Vertex } from "./graph_plan.ts";

const stage = new Stage(onRedis);
/** For how long graphs are tried, in milliseconds, and how many at most. */
const [patience, mostGraphs] = [15_000, 200];

/** Enqueues tasks that the worker processes know. */
async function producer() {
  const worker = await stage.worker({ priorities: ["low", "high"] });
  const named = (name: string) => worker.task(async (_own: Part) => await Promise.resolve(""), { name });
  return {
    worker,
    part: named("part"),
    fleeting: named("fleeting"),
    next: worker.task(async (_input: string, _own: Part) => await Promise.resolve(""), { name: "next" }),
  };
}

interface Part {
  readonly how: string;
  readonly ms: number;
}

type Producer = Awaited<ReturnType<typeof producer>>;
type Expected = Omit<Fate, "result" | "aborted" | "published">;

/** The request of a vertex with its pipeline, and what is to become of each. */
function requestOf({ part, fleeting, next }: Producer, vertex: Vertex, id: string, after: readonly string[]) {
  const { how, ms, isUrgent, pipeline } = vertex;
  const task = how === "fleeting" ? fleeting : part;
  const expected: Expected[] = [{ id, how, after }];
  let request: EnqueueRequest<string> = task.enqueue({ how: how === "fleeting" ? "ok" : how, ms })
    .start({ id, after, priority: isUrgent ? "high" : "low" });
  for (const own of pipeline) {
    const previous = request.id;
    request = request.pipe(next, own);
    expected.push({ id: request.id, how: own.how, after: [previous] });
  }
  return { request, expected, isPiped: pipeline.length > 0 };
}

type Made = ReturnType<typeof requestOf>;

/** Enqueues a graph, several tasks in one go, and a pipeline by itself. */
async function enqueue(worker: Worker<undefined>, made: readonly Made[], atOnce: number): Promise<void> {
  let group: EnqueueRequest<string>[] = [];
  const send = async () => {
    if (group.length > 0) await worker.enqueueMany(group);
    group = [];
  };
  for (const { request, isPiped } of made) {
    if (isPiped || group.length === atOnce) await send();
    if (isPiped) await request;
    else group.push(request);
  }
  await send();
}

/** Counts how often the result of each task is published. */
async function countResults({ redis, queueName }: Worker<undefined>, ids: readonly string[]) {
  const counts = new Map<string, number>();
  const over = new AbortController();
  const prefix = `streaq:${queueName}:channels:`;
  const subscribed = deferred<void>();
  const options = { signal: over.signal, onSubscribed: () => subscribed.resolve() };
  const listening = (async () => {
    for await (const { channel } of redis.subscribe(ids.map((id) => prefix + id), options)) {
      const id = channel.slice(prefix.length);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  })().catch(() => {});
  await subscribed.promise;
  return {
    counts,
    async stop() {
      over.abort();
      await listening;
    },
  };
}

describe("graphs of tasks at random", () => {
  it("end as their edges say, though workers are killed and tasks aborted, and leave nothing behind", async () => {
    const all = await producer();
    const { worker } = all;
    const { url } = (await stage.broker).server;
    const options = { redisUrl: url, queueName: worker.queueName, priorities: ["low", "high"] };
    await using crew = new Crew({ ...options, idleTimeout: 1000, concurrency: 8 });
    const hands: Hand[] = [await crew.hire(), await crew.hire()];
    let graphs = 0;

    const kill = async (times: readonly number[]) => {
      for (const ms of times) {
        await sleep(ms);
        const victim = hands.shift()!;
        victim.signal("SIGKILL");
        await victim.ended;
        hands.push(await crew.hire());
      }
    };
    const abort = async ({ abort, pipeline }: Vertex, id: string, answers: Map<string, boolean>) => {
      if (!abort) return;
      const step = abort.step % (pipeline.length + 1);
      const own = step === 0 ? id : `${id}.${step + 1}`;
      await sleep(abort.ms);
      // Where it is not there yet, it cannot be aborted.
      answers.set(own, await worker.abortById(own));
    };

    const tryOne = async (plan: Plan) => {
      const graph = graphs++;
      const idOf = (place: number) => `${graph}-${place}`;
      const made = plan.vertices.map((vertex, place) => {
        return requestOf(all, vertex, idOf(place), dependenciesOf(vertex, place, idOf));
      });
      const expected = made.flatMap(({ expected }) => expected);
      const ids = new Set(expected.map(({ id }) => id));
      const { counts, stop } = await countResults(worker, [...ids]);
      const aborts = new Map<string, boolean>();
      const disturbances = Promise.all([
        kill(plan.kills),
        ...plan.vertices.map((vertex, place) => abort(vertex, idOf(place), aborts)),
      ]);
      await enqueue(worker, made, plan.atOnce);
      const results = await Promise.all(expected.map(({ id }) => worker.resultById(id, { timeout: "20s" })));
      await disturbances;
      await eventually(() => expected.every(({ id }) => counts.has(id)));
      const fates = expected.map((one, i): Fate => {
        const { id } = one;
        return { ...one, result: results[i]!, aborted: aborts.get(id) ?? null, published: counts.get(id)! };
      });
      checkFates(fates, crew.notes.filter(({ taskId }) => ids.has(taskId)), plan.kills.length);
      await stop();
      await stage.assertClean(worker);
    };

    const deadline = Date.now() + patience;
    const tryInTime = async (plan: Plan) => {
      if (Date.now() < deadline) await tryOne(plan);
    };
    // A smaller graph would be another one: kills come at other moments.
    await fc.assert(fc.asyncProperty(plans(2), tryInTime), { numRuns: mostGraphs, endOnFailure: true });
    for (const hand of hands) hand.signal("SIGTERM");
    for (const hand of hands) assertEquals(await hand.ended, 0);
    await stage.assertClean(worker);
  });
});
