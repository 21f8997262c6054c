/** Random graphs of tasks, and what must be true of every graph once all its tasks have finished. */
import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import type { TaskResult } from "../../src/queue/records/task_result.ts";
import type { Note } from "./worker_processes.ts";

/** The behaviour of a task of a graph when it runs. A fleeting task expires unless it is started at once. */
export type How = "ok" | "throw" | "retry" | "fleeting";

/** A task of a graph. */
export interface Vertex {
  readonly how: How;
  readonly ms: number;
  /** The earlier tasks that it depends on, as numbers modulo their count. */
  readonly after: readonly number[];
  /** Whether it depends on all earlier tasks. */
  readonly isWide: boolean;
  readonly isUrgent: boolean;
  /** The rest of the pipeline that begins with the task. */
  readonly pipeline: readonly { readonly how: Exclude<How, "fleeting">; readonly ms: number }[];
  /** When a task of the pipeline is aborted, and which one; `null` for none. */
  readonly abort: { readonly ms: number; readonly step: number } | null;
}

/** A graph, and the times at which workers are killed. */
export interface Plan {
  readonly vertices: readonly Vertex[];
  readonly kills: readonly number[];
  /** How many tasks are enqueued in one call. */
  readonly atOnce: number;
}

const ms = fc.nat(30);
const how = fc.oneof(
  { weight: 12, arbitrary: fc.constant("ok" as const) },
  { weight: 1, arbitrary: fc.constant("throw" as const) },
  { weight: 1, arbitrary: fc.constant("retry" as const) },
);
const pipeline = fc.array(fc.record({ how, ms }), { maxLength: 3 });
const vertex: fc.Arbitrary<Vertex> = fc.record({
  how: fc.oneof({ weight: 14, arbitrary: how }, { weight: 1, arbitrary: fc.constant("fleeting" as const) }),
  ms,
  after: fc.array(fc.nat(1000), { maxLength: 4 }),
  isWide: fc.nat(11).map((n) => n === 0),
  isUrgent: fc.boolean(),
  pipeline: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: pipeline }),
  abort: fc.option(fc.record({ ms: fc.nat(500), step: fc.nat(3) }), { freq: 12 }),
});

/** Any graph, with at most `maxKills` kills of a worker while it runs. */
export function plans(maxKills: number): fc.Arbitrary<Plan> {
  return fc.record({
    vertices: fc.array(vertex, { minLength: 2, maxLength: 60, size: "max" }),
    kills: fc.oneof(fc.constant([]), fc.array(fc.nat(400), { maxLength: maxKills })),
    atOnce: fc.integer({ min: 1, max: 15 }),
  });
}

/** Returns the ids of the dependencies of a vertex. */
export function dependenciesOf({ after, isWide }: Vertex, place: number, idOf: (place: number) => string): string[] {
  if (place === 0) return [];
  const places = isWide ? Array.from({ length: place }, (_, i) => i) : after.map((number) => number % place);
  return places.map(idOf);
}

/** How a task finished. */
export interface Fate {
  readonly id: string;
  readonly how: How;
  /** The ids of its dependencies, including the task that is piped into it. */
  readonly after: readonly string[];
  readonly result: TaskResult<unknown>;
  /** The answer of `abort()`; `null` if it was not called. */
  readonly aborted: boolean | null;
  /** How often its result was published. */
  readonly published: number;
}

/** Checks tasks in an order in which dependencies come first. `kills` is the number of workers that were killed meanwhile. */
export function checkFates(fates: readonly Fate[], notes: readonly Note[], kills: number): void {
  const [starts, finishes] = [byTask(notes, "start"), byTask(notes, "end")];
  /** By the id of a failed task: the ids of the tasks that may have failed first. */
  const failedFirst = new Map<string, readonly string[]>();
  for (const { id, how, after, result, aborted, published } of fates) {
    const runs = starts.get(id) ?? [];
    assertEquals(published, 1, `results of ${id}`);
    assert(runs.length <= 1 + (how === "retry" ? 1 : 0) + kills, `${id} ran ${runs.length} times`);
    const culprits = [...new Set(after.flatMap((dependency) => failedFirst.get(dependency) ?? []))];
    const named = result.success ? undefined : describe(result.exception);
    if (culprits.length > 0) {
      assertEquals(runs, [], `${id} ran although it depends on ${culprits}`);
    } else {
      for (const dependency of after) {
        const finished = Math.min(...(finishes.get(dependency) ?? []).map(({ time }) => time));
        for (const run of runs) assert(run.time >= finished, `${id} ran before ${dependency} had finished`);
      }
    }
    if (aborted) {
      assertEquals(named, `StreaqCancelled: Task ${id} was aborted`);
      failedFirst.set(id, [id]);
    } else if (culprits.length > 0) {
      const messages = culprits.map((culprit) =>
        `Task ${id} was not run: task ${culprit}, on which it depends, failed`
      );
      const culprit = culprits.find((_, i) => named === `StreaqError: ${messages[i]}`);
      assert(culprit !== undefined, `${id} should name one of ${culprits}: ${named}`);
      failedFirst.set(id, [culprit]);
    } else if (how === "throw") {
      assertEquals(named, `RangeError: Task ${id} is to fail`);
      failedFirst.set(id, [id]);
    } else if (how === "fleeting" && runs.length === 0) {
      assertEquals(named, "StreaqError: Task fleeting expired: it was not started within 1 ms");
      failedFirst.set(id, [id]);
    } else {
      assertEquals([named, result.success && result.result], [undefined, id]);
      assert(finishes.has(id), `${id} has finished`);
    }
  }
}

function byTask(notes: readonly Note[], event: Note["event"]): Map<string, Note[]> {
  const found = new Map<string, Note[]>();
  for (const note of notes) {
    if (note.event === event) found.set(note.taskId, [...found.get(note.taskId) ?? [], note]);
  }
  return found;
}

function describe({ name, message }: Error): string {
  return `${name}: ${message}`;
}
