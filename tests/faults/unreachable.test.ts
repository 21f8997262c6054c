import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Worker } from "../../src/queue/worker.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, Stage } from "../queue/stage.ts";
import { startByteServer } from "../support/byte_server.ts";
import { settled } from "../support/promises.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

describe("the first operation of a worker", () => {
  /** Checks that each first operation rejects with an error that has a text and not the password, and that close() works. */
  async function assertRejected(redisUrl: string, text: string): Promise<void> {
    const worker = new Worker({
      redisUrl,
      redisOptions: { connectTimeout: 500 },
      handleSignals: false,
      logger: new Lines(),
    });
    const task = worker.task(() => 1, { name: "one" });
    for (const operation of [() => worker.run(), () => worker.connect(), async () => await task.enqueue()]) {
      const error = await assertRejects(operation) as Error;
      assertStringIncludes(error.message, text);
      assert(!error.message.includes("s3cret"), error.message);
    }
    await worker.close();
  }

  it("rejects with the address when no server listens there", async () => {
    await assertRejected("redis://user:s3cret@127.0.0.1:1/0", "127.0.0.1:1");
  });

  it("rejects at once when the server refuses the credentials or the database", async () => {
    await using server = await startRedis({ password: "right" });
    const { port } = server;
    const start = Date.now();
    await assertRejected(`redis://:s3cret@127.0.0.1:${port}`, "WRONGPASS");
    await assertRejected(`redis://127.0.0.1:${port}`, "NOAUTH");
    await assertRejected(`redis://:right@127.0.0.1:${port}/99`, "out of range");
    assert(Date.now() - start < 1500);
  });

  it("rejects with the address when the server does not speak RESP, or does not answer", async () => {
    const http = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nno";
    await using web = await startByteServer({ onData: (peer) => peer.write(http) });
    await assertRejected(`redis://127.0.0.1:${web.port}`, `127.0.0.1:${web.port}`);
    await using silent = await startByteServer();
    await assertRejected(`redis://127.0.0.1:${silent.port}`, `127.0.0.1:${silent.port}`);
  });
});

describe("a wait for a result", () => {
  it("rejects, as the first operation, when no server listens or the server refuses the credentials", async () => {
    const redisOptions = { connectTimeout: 300 };
    const { url } = (await stage.broker).server;
    for (const redisUrl of ["redis://127.0.0.1:1", url.replace("//", "//unknown:wrong@")]) {
      await using worker = new Worker({ redisUrl, redisOptions, handleSignals: false, logger: new Lines() });
      assertEquals(await settled(worker.resultById("task"), 2000), "rejected", redisUrl);
    }
  });
});
