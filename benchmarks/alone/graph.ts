/**
 * Graphs of tasks, each run to completion: a chain, a mesh of layers in which every task waits for the whole layer before
 * it, a fan-out, a fan-in, and a fan-out that fails. Prints for each the time to enqueue it, the time until all tasks were
 * complete, the slowest command on the server, and the memory of the worker, which is a process of its own.
 *
 * Run it with `node --import tsx`; `--scale 0.1` makes it smaller, `--only mesh` leaves the others out.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { parseArgs } from "node:util";
import { type EnqueueRequest, Worker } from "../../mod.ts";
import { startRedis } from "../../tests/support/redis_server.ts";

const { values } = parseArgs({
  options: { scale: { type: "string", default: "1" }, only: { type: "string" }, worker: { type: "string" } },
});
/** How many tasks are enqueued with one call. */
const part = 5000;
const scale = Number(values.scale);
const size = (full: number) => Math.max(2, Math.round(full * scale));
const logger = { debug() {}, info() {}, warn: console.warn, error: console.error };

const options = { queueName: "graph", handleSignals: false, concurrency: 100, logger };

if (values.worker) await work(values.worker);
else await measure();

function makeWorker(redisUrl: string) {
  const worker = new Worker({ ...options, redisUrl });
  const node = worker.task(() => {}, { name: "node", ttl: "1h", silent: true });
  const failing = worker.task(() => {
    throw new Error("The root fails");
  }, { name: "failing", ttl: "1h", silent: true });
  return { worker, node, failing };
}

/** The process of the worker. Answers each message with its resident memory, now and at most since the last message. */
async function work(redisUrl: string): Promise<void> {
  const { worker } = makeWorker(redisUrl);
  let most = 0;
  const look = () => most = Math.max(most, process.memoryUsage().rss);
  const timer = setInterval(look, 20);
  process.on("message", () => {
    look();
    process.send!([process.memoryUsage().rss, most]);
    most = 0;
  });
  process.on("disconnect", () => void worker.close());
  await worker.run();
  clearInterval(timer);
}

interface Scenario {
  readonly name: string;
  enqueue(): Promise<void>;
}

async function measure(): Promise<void> {
  await using server = await startRedis({ args: ["--save", "", "--appendonly", "no"] });
  const made = makeWorker(server.url);
  const child = fork(new URL(import.meta.url), ["--worker", server.url], { execArgv: process.execArgv });
  const memory = async (): Promise<string[]> => {
    child.send("memory");
    const [sizes] = await once(child, "message") as [number[]];
    return sizes.map((bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
  };
  for (const { name, enqueue } of scenariosFor(made)) {
    if (values.only && !name.startsWith(values.only)) continue;
    await made.worker.redis.command(["CONFIG", "SET", "slowlog-log-slower-than", 1000]);
    await made.worker.redis.command(["SLOWLOG", "RESET"]);
    const [before] = await memory();
    const start = performance.now();
    await enqueue();
    const enqueued = performance.now();
    while (await made.worker.queueSize() > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const completed = performance.now();
    const [after, most] = await memory();
    console.log(
      `${name}: enqueued in ${seconds(start, enqueued)}, complete ${
        seconds(enqueued, completed)
      } later; slowest command ` +
        `${await slowest(made.worker)}; memory of the worker ${before} before, ${most} at most, ${after} after`,
    );
  }
  child.disconnect();
  await once(child, "exit");
  await made.worker.close();
}

function seconds(from: number, to: number): string {
  return `${((to - from) / 1000).toFixed(2)} s`;
}

async function slowest(worker: Worker): Promise<string> {
  const slow = await worker.redis.command<[number, number, number, string[]][]>(["SLOWLOG", "GET", 1000]);
  const [first] = slow.sort((a, b) => b[2] - a[2]);
  // A script begins with a comment that names it.
  return first
    ? `${(first[2] / 1000).toFixed(1)} ms, ${first[3].slice(0, 2).join(" ").slice(0, 60).trim()}`
    : "under 1 ms";
}

function scenariosFor({ worker, node, failing }: ReturnType<typeof makeWorker>): Scenario[] {
  const [chainLength, layers, width] = [size(10_000), size(100), size(100)];
  const [fanOut, fanIn] = [size(200_000), size(10_000)];

  /** Enqueues `count` requests, and returns their ids. */
  async function enqueueAll(count: number, request: (i: number) => EnqueueRequest<void>): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < count; i += part) {
      const requests = Array.from({ length: Math.min(part, count - i) }, (_, n) => request(i + n));
      for (const { id } of await worker.enqueueMany(requests)) ids.push(id);
    }
    return ids;
  }

  /** Makes a delayed task due now. */
  async function begin(id: string): Promise<void> {
    await worker.redis.command(["ZADD", "streaq:graph:queues:delayed:normal", 1, id]);
    await worker.redis.command(["PUBLISH", "streaq:graph:ts:wake", "due 0"]);
  }

  return [
    {
      name: `chain of ${chainLength}`,
      async enqueue() {
        let last: string | undefined;
        await enqueueAll(chainLength, () => {
          const request = node.enqueue().start(last === undefined ? {} : { after: last });
          last = request.id;
          return request;
        });
      },
    },
    {
      name: `mesh of ${layers} by ${width}`,
      async enqueue() {
        let layer: string[] = [];
        for (let i = 0; i < layers; i++) {
          const after = layer;
          layer = await enqueueAll(width, () => node.enqueue().start({ after }));
        }
      },
    },
    {
      name: `fan-out of ${fanOut}`,
      async enqueue() {
        const root = await node.enqueue().start({ delay: "1h" });
        await enqueueAll(fanOut, () => node.enqueue().start({ after: root.id }));
        await begin(root.id);
      },
    },
    {
      name: `fan-in of ${fanIn}`,
      async enqueue() {
        const ids = await enqueueAll(fanIn, () => node.enqueue());
        await node.enqueue().start({ after: ids });
      },
    },
    {
      name: `failing fan-out of ${fanOut}`,
      async enqueue() {
        const root = await failing.enqueue().start({ delay: "1h" });
        await enqueueAll(fanOut, () => node.enqueue().start({ after: root.id }));
        await begin(root.id);
      },
    },
  ];
}
