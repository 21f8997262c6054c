import { it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import type { TaskGraph } from "../../../src/queue/inspect/task_graph.ts";
import type { Worker } from "../../../src/queue/worker.ts";
import { eventually } from "../../support/poll.ts";
import { gate } from "../../support/promises.ts";
import { behaviour } from "../behaviour.ts";
import { running } from "../stage.ts";

/** Returns the edges of a graph as sorted strings. */
function edgesOf({ edges }: TaskGraph): string[] {
  return edges.map(({ from, to }) => `${from} > ${to}`).sort();
}

behaviour("graph()", (stage) => {
  async function setUp() {
    const worker = await stage.worker();
    const job = worker.task((_name?: string) => {}, { name: "job" });
    const fail = worker.task(() => {
      throw new RangeError("no");
    }, { name: "fail" });
    const { open, opened } = gate();
    const gated = worker.task(() => opened, { name: "gated" });
    const add = (id: string, after: string[] = []) => job.enqueue(id).start({ id, after });
    return { worker, job, fail, gated, open, add };
  }

  /** Describes the tasks of a graph, by id. */
  async function describeNodes(worker: Worker, id: string): Promise<Record<string, string>> {
    const { nodes } = await worker.graph(id);
    return Object.fromEntries(nodes.map(({ id, fnName, status, success }) => [id, `${fnName} ${status} ${success}`]));
  }

  it("shows a task with everything that it is connected to, nearest first, and each edge once", async () => {
    const { worker, add } = await setUp();
    await add("a");
    await add("b", ["a"]);
    await add("c", ["a"]);
    await add("d", ["b", "c"]);
    await add("e", ["d"]);
    await add("elsewhere");
    const all = ["a > b", "a > c", "b > d", "c > d", "d > e"];
    const distances: Record<string, Record<string, number>> = {
      a: { a: 0, b: 1, c: 1, d: 2, e: 3 },
      d: { d: 0, b: 1, c: 1, e: 1, a: 2 },
    };
    for (const [id, distance] of Object.entries(distances)) {
      const graph = await worker.graph(id);
      assertEquals([graph.nodes.length, graph.nodes[0]!.id, graph.isComplete], [5, id, true]);
      const walked = graph.nodes.map((node) => distance[node.id]!);
      assertEquals(walked, walked.toSorted((a, b) => a - b));
      assertEquals(edgesOf(graph), all);
    }
    const alone = await worker.graph("elsewhere");
    assertEquals([alone.nodes, alone.edges, alone.isComplete], [
      [{ id: "elsewhere", fnName: "job", status: "queued", success: null }],
      [],
      true,
    ]);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("shows finished, failed, running and waiting tasks", async () => {
    const { worker, job, fail, gated, open, add } = await setUp();
    await add("done");
    await fail.enqueue().start({ id: "failed" });
    await add("doomed", ["done", "failed"]);
    await gated.enqueue().start({ id: "running", after: ["done"] });
    await add("waiting", ["running"]);
    await job.enqueue().start({ id: "below", after: ["waiting"] });
    assertEquals(await describeNodes(worker, "below"), {
      below: "job scheduled null",
      waiting: "job scheduled null",
      running: "gated scheduled null",
      done: "job queued null",
      doomed: "job scheduled null",
      failed: "fail queued null",
    });
    const run = running(worker);
    await eventually(async () => {
      assertEquals([await worker.statusById("doomed"), await worker.statusById("running")], ["done", "running"]);
    });
    // A finished task still names its dependencies, but no longer its dependents.
    assertEquals(await describeNodes(worker, "below"), {
      below: "job scheduled null",
      waiting: "job scheduled null",
      running: "gated running null",
      done: "job done true",
    });
    assertEquals(edgesOf(await worker.graph("below")), ["done > running", "running > waiting", "waiting > below"]);
    assertEquals(await describeNodes(worker, "doomed"), {
      doomed: "job done false",
      done: "job done true",
      failed: "fail done false",
    });
    assertEquals(edgesOf(await worker.graph("doomed")), ["done > doomed", "failed > doomed"]);
    open();
    await worker.resultById("below");
    assertEquals(edgesOf(await worker.graph("below")), ["done > running", "running > waiting", "waiting > below"]);
    await run.stop();
    await stage.assertClean(worker);
  });

  it("shows pipelines, and can be serialised as JSON", async () => {
    const { worker, job } = await setUp();
    const first = job.enqueue("x").start({ id: "p", delay: "1h" });
    const last = await first.pipe(job).pipe(job);
    const graph = await worker.graph(last.id);
    assertEquals(graph.nodes.map(({ id }) => id), ["p.3", "p.2", "p"]);
    assertEquals(edgesOf(graph), ["p > p.2", "p.2 > p.3"]);
    assertEquals(JSON.parse(JSON.stringify(graph)), graph);
    await worker.abortById("p");
    assertEquals(await describeNodes(worker, last.id), {
      "p.3": "job done false",
      "p.2": "job done false",
      p: "job done false",
    });
    await stage.assertClean(worker);
  });

  it("shows a dependency as missing if its result is gone, and is empty for an id without a result", async () => {
    const { worker, job } = await setUp();
    const forgetful = worker.task(() => {}, { name: "forgetful", ttl: 0 });
    await forgetful.enqueue().start({ id: "gone" });
    await job.enqueue().start({ id: "below", after: "gone" });
    await worker.run({ burst: true });
    assertEquals(await describeNodes(worker, "below"), { below: "job done true", gone: "Unknown missing null" });
    for (const id of ["gone", "unknown"]) {
      assertEquals(await worker.graph(id), { nodes: [], edges: [], isComplete: true });
    }
    await stage.assertClean(worker);
  });

  it("stops at a limit, nearest tasks first, and reports that it is not complete", async () => {
    const { worker, job, add } = await setUp();
    await add("top");
    const tasks = await worker.enqueueMany(Array.from({ length: 120 }, () => job.enqueue().start({ after: "top" })));
    await add("bottom", tasks.map(({ id }) => id));
    const sizes = async (options?: { limit: number }) => {
      const { nodes, edges, isComplete } = await worker.graph("top", options);
      const ids = new Set(nodes.map(({ id }) => id));
      assert(edges.every(({ from, to }) => ids.has(from) && ids.has(to)));
      return [nodes.length, edges.length, isComplete];
    };
    assertEquals(await sizes(), [100, 99, false]);
    assertEquals(await sizes({ limit: 1 }), [1, 0, false]);
    assertEquals(await sizes({ limit: 121 }), [121, 120, false]);
    assertEquals(await sizes({ limit: 122 }), [122, 240, true]);
    assertEquals(await sizes({ limit: 1000 }), [122, 240, true]);
    for (const limit of [0, -1, 1.5, NaN, 1001, "5" as unknown as number]) {
      await assertRejects(() => worker.graph("top", { limit }), RangeError, String(limit));
    }
    await assertRejects(() => worker.graph(""), StreaqError);
    await worker.run({ burst: true });
    await stage.assertClean(worker);
  });

  it("shows the first hundred dependencies of a finished task", async () => {
    const { worker, job } = await setUp();
    const tasks = await worker.enqueueMany(Array.from({ length: 130 }, () => job.enqueue()));
    const ids = tasks.map(({ id }) => id);
    const last = await job.enqueue().start({ after: ids });
    assertEquals((await worker.graph(last.id, { limit: 1000 })).nodes.length, 131);
    await worker.run({ burst: true });
    const { nodes, edges } = await worker.graph(last.id, { limit: 1000 });
    assertEquals([nodes.slice(1).map(({ id }) => id), edges.length], [ids.slice(0, 100), 100]);
    await stage.assertClean(worker);
  });
});
