/** A server in cluster mode, which refuses commands and scripts whose keys are in several slots. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreaqCancelled, StreaqError } from "../../src/base/errors.ts";
import { taskContext } from "../../src/queue/context/task_context.ts";
import type { Worker } from "../../src/queue/worker.ts";
import { createClient, type RedisClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { assertClean } from "../queue/keyspace.ts";
import { receivesEvents, running, Stage, untilAborted } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

/** Starts a Cluster of one node, which has all slots, and connects to it. */
async function startCluster(args: readonly string[] = []): Promise<
  { server: RedisServer; admin: RedisClient } & AsyncDisposable
> {
  const server = await startRedis({ args: ["--cluster-enabled", "yes", ...args] });
  const admin = createClient(server.url);
  await admin.command(["CLUSTER", "ADDSLOTSRANGE", 0, 16383]);
  await eventually(async () => (await admin.command<string>(["CLUSTER", "INFO"])).includes("cluster_state:ok"));
  const stop = async (): Promise<void> => {
    await admin.close();
    await server.stop();
  };
  return { server, admin, [Symbol.asyncDispose]: stop };
}

describe("a server in cluster mode", () => {
  it("is refused by a queue without a hash tag, whichever operation is the first", async () => {
    await using cluster = await startCluster();
    for (const queueName of ["orders", "orders{}", "{orders"]) {
      const redisUrl = cluster.server.url;
      const message = `Cannot use queue ${queueName}: the server is in cluster mode`;
      const operations: ((worker: Worker) => Promise<unknown>)[] = [
        (worker) => worker.connect(),
        (worker) => worker.run({ burst: true }),
        (worker) => worker.queueSize(),
        (worker) => worker.statusById("17"),
        (worker) => worker.resultById("17"),
        (worker) => worker.abortById("17"),
        (worker) => worker.schedules(),
        async (worker) => await worker.enqueueUnsafe("job").start({ schedule: "@daily" }),
      ];
      for (const operation of operations) {
        for (const server of [{ redisUrl }, { redis: cluster.admin }]) {
          const worker = await stage.worker({ ...server, queueName });
          await assertRejects(() => operation(worker), StreaqError, message);
        }
      }
      const worker = await stage.worker({ redisUrl, queueName });
      const [one, two] = [worker.enqueueUnsafe("job"), worker.enqueueUnsafe("job")];
      for (const enqueue of [async () => await one, () => worker.enqueueMany([one, two])]) {
        const error = await assertRejects(enqueue, StreaqError) as Error;
        assertStringIncludes(String(error.cause ?? error), message);
      }
    }
    assertEquals(await cluster.admin.command(["DBSIZE"]), 0);
  });

  for (const protocol of [2, 3] as const) {
    it(`runs a queue whose name has a hash tag, with RESP${protocol}`, async () => {
      await using cluster = await startCluster();
      const queueName = "mail {orders}";
      const worker = await stage.worker({ redisUrl: cluster.server.url, queueName, redisOptions: { protocol } });
      const double = worker.task((value: number) => 2 * value, { name: "double", ttl: 2000 });
      const fail = worker.task(() => Promise.reject(new Error("no")), { name: "fail", ttl: 2000 });
      const endless = worker.task(() => untilAborted(taskContext().signal), { name: "endless", ttl: 2000 });
      const unique = worker.task(() => "alone", { name: "unique", unique: true, timeout: "9s", ttl: 2000 });
      const run = running(worker);
      await receivesEvents(worker);
      const many = await worker.enqueueMany(Array.from({ length: 20 }, (_, i) => double.enqueue(i)));
      assertEquals((await Promise.all(many.map((task) => task.value())))[19], 38);
      assertEquals(await (await double.enqueue(1).pipe(double)).value(), 4);
      assertEquals(await (await unique.enqueue()).value(), "alone");
      const failing = await fail.enqueue().start({ delay: 20 });
      const below = await double.enqueue(1).start({ after: failing.id });
      assertEquals((await below.result()).success, false);
      const long = await endless.enqueue();
      await eventually(async () => assertEquals(await long.status(), "running"));
      assertEquals(await long.abort(), true);
      assertEquals((await long.result()).exception instanceof StreaqCancelled, true);
      const repeated = await double.enqueue(4).start({ schedule: "* * * * * *" });
      assertEquals(await repeated.value({ timeout: "9s" }), 8);
      assertEquals(await repeated.unschedule(), true);
      await run.stop();
      await assertClean(cluster.admin, queueName);
    });
  }

  it("is recognised in RESP2, and tolerated where neither HELLO nor INFO shows it", async () => {
    await using cluster = await startCluster(["--rename-command", "HELLO", ""]);
    const { server: { url }, admin } = cluster;
    const worker = await stage.worker({ redisUrl: url, queueName: "orders" });
    await assertRejects(() => worker.connect(), StreaqError, "cluster mode");
    await admin.command([
      "ACL",
      "SETUSER",
      "app",
      "on",
      ">password",
      "~*",
      "&*",
      "+@all",
      "-info",
      "-cluster",
      "-config",
    ]);
    const redisUrl = url.replace("redis://", "redis://app:password@");
    const other = await stage.worker({ redisUrl, queueName: "{orders}" });
    const job = other.task(() => 1, { name: "job" });
    const task = await job.enqueue();
    await other.run({ burst: true });
    assertEquals(await task.value(), 1);
    const untold = await stage.worker({ redisUrl, queueName: "orders" });
    await untold.connect();
  });
});
