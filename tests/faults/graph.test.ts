/**
 * Runs random graphs of tasks, kills workers and aborts tasks at random times, and checks what must be true of every graph:
 * how each task finished, which failure each error names, and that each task ran after its dependencies.
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
import { checkFates, dependenciesOf, type Fate, type Plan, plans, type Vertex } from "./graph_plan.ts";
import { WorkerProcesses } from "./worker_processes.ts";

const stage = new Stage(onRedis);
/** How long new graphs are begun, in milliseconds, and their maximum number. */
const [duration, maxGraphs] = [15_000, 200];

/** Makes a producer of tasks whose functions run in worker processes. */
async function newProducer() {
  const worker = await stage.worker({ priorities: ["low", "high"] });
  const named = (name: string) => worker.task((_own: Part) => "", { name });
  return {
    worker,
    part: named("part"),
    fleeting: named("fleeting"),
    next: worker.task((_input: string, _own: Part) => "", { name: "next" }),
  };
}

interface Part {
  readonly how: string;
  readonly ms: number;
}

type Producer = Awaited<ReturnType<typeof newProducer>>;
type Expected = Omit<Fate, "result" | "aborted" | "published">;

/** Makes the request for a vertex with its pipeline, and the expectations about each of its tasks. */
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

/** Enqueues a graph: several tasks in one call, but each pipeline by itself. */
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

/** Counts how often the result of each task is published, until `stop()` is called. */
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

describe("random graphs of tasks", () => {
  it("finish in the order of their dependencies, although workers are killed and tasks are aborted", async () => {
    const all = await newProducer();
    const { worker } = all;
    const { url } = (await stage.broker).server;
    const options = { redisUrl: url, queueName: worker.queueName, priorities: ["low", "high"] };
    await using processes = new WorkerProcesses({ ...options, idleTimeout: 1000, concurrency: 8 });
    const workers = [await processes.start(), await processes.start()];
    let graphs = 0;

    const kill = async (times: readonly number[]) => {
      for (const ms of times) {
        // The random time of the plan.
        await sleep(ms);
        await workers.shift()!.kill();
        workers.push(await processes.start());
      }
    };
    const abort = async ({ abort, pipeline }: Vertex, id: string, answers: Map<string, boolean>) => {
      if (!abort) return;
      const step = abort.step % (pipeline.length + 1);
      const own = step === 0 ? id : `${id}.${step + 1}`;
      // The random time of the plan; abort() returns false when the task is not enqueued yet.
      await sleep(abort.ms);
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
      checkFates(fates, processes.notes.filter(({ taskId }) => ids.has(taskId)), plan.kills.length);
      await stop();
      await stage.assertClean(worker);
    };

    const deadline = Date.now() + duration;
    const tryInTime = async (plan: Plan) => {
      if (Date.now() < deadline) await tryOne(plan);
    };
    // No shrinking: in a smaller graph, kills would come at other moments.
    await fc.assert(fc.asyncProperty(plans(2), tryInTime), { numRuns: maxGraphs, endOnFailure: true });
    for (const { stop } of workers) assertEquals(await stop(), 0);
    await stage.assertClean(worker);
  });
});
