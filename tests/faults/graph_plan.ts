/** Random graphs of tasks, and what must be true of them when all has ended. */
import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import type { TaskResult } from "../../src/queue/records/task_result.ts";
import type { Note } from "./crew.ts";

/** What a task of a graph does when it runs; one that is fleeting expires unless it is started at once. */
export type How = "ok" | "throw" | "retry" | "fleeting";

/** A task of a graph. */
export interface Vertex {
  readonly how: How;
  readonly ms: number;
  /** Those that it depends on, as numbers of which the rest counts when divided by how many there are before it. */
  readonly after: readonly number[];
  /** Whether it depends on all before it. */
  readonly isWide: boolean;
  readonly isUrgent: boolean;
  /** What is piped from each to the next, beginning with the task itself. */
  readonly pipeline: readonly { readonly how: Exclude<How, "fleeting">; readonly ms: number }[];
  /** When it is aborted, and which of its pipeline, if it is. */
  readonly abort: { readonly ms: number; readonly step: number } | null;
}

/** A graph, and when workers are killed. */
export interface Plan {
  readonly vertices: readonly Vertex[];
  readonly kills: readonly number[];
  /** How many are enqueued in one go. */
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

/** Any graph, with at most as many workers that are killed while it runs. */
export function plans(mostKills: number): fc.Arbitrary<Plan> {
  return fc.record({
    vertices: fc.array(vertex, { minLength: 2, maxLength: 60, size: "max" }),
    kills: fc.oneof(fc.constant([]), fc.array(fc.nat(400), { maxLength: mostKills })),
    atOnce: fc.integer({ min: 1, max: 15 }),
  });
}

/** The ids of those that a vertex depends on. */
export function dependenciesOf({ after, isWide }: Vertex, place: number, idOf: (place: number) => string): string[] {
  if (place === 0) return [];
  const places = isWide ? Array.from({ length: place }, (_, i) => i) : after.map((number) => number % place);
  return places.map(idOf);
}

/** What became of a task. */
export interface Fate {
  readonly id: string;
  readonly how: How;
  /** The ids of those that it depends on, what is piped into it included. */
  readonly after: readonly string[];
  readonly result: TaskResult<unknown>;
  /** What its abort has answered; `null` where there was none. */
  readonly aborted: boolean | null;
  /** How often its result was published. */
  readonly published: number;
}

/** Checks how all have ended, each after those that it depends on; `kills` is how many workers were killed meanwhile. */
export function checkFates(fates: readonly Fate[], notes: readonly Note[], kills: number): void {
  const [starts, ends] = [byTask(notes, "start"), byTask(notes, "end")];
  /** Of each that has failed, the ids of those that may be to blame. */
  const blamed = new Map<string, readonly string[]>();
  for (const { id, how, after, result, aborted, published } of fates) {
    const runs = starts.get(id) ?? [];
    assertEquals(published, 1, `results of ${id}`);
    assert(runs.length <= 1 + (how === "retry" ? 1 : 0) + kills, `${id} has run ${runs.length} times`);
    const culprits = [...new Set(after.flatMap((dependency) => blamed.get(dependency) ?? []))];
    const named = result.success ? undefined : describe(result.exception);
    if (culprits.length > 0) {
      assertEquals(runs, [], `${id} has run, though it depends on ${culprits}`);
    } else {
      for (const dependency of after) {
        const end = Math.min(...(ends.get(dependency) ?? []).map(({ time }) => time));
        for (const run of runs) assert(run.time >= end, `${id} has run before ${dependency} had ended`);
      }
    }
    if (aborted) {
      assertEquals(named, `StreaqCancelled: Task ${id} was aborted`);
      blamed.set(id, [id]);
    } else if (culprits.length > 0) {
      const messages = culprits.map((culprit) =>
        `Task ${id} was not run: task ${culprit}, on which it depends, failed`
      );
      const culprit = culprits.find((_, i) => named === `StreaqError: ${messages[i]}`);
      assert(culprit !== undefined, `${id} is to name one of ${culprits}: ${named}`);
      blamed.set(id, [culprit]);
    } else if (how === "throw") {
      assertEquals(named, `RangeError: told to, ${id}`);
      blamed.set(id, [id]);
    } else if (how === "fleeting" && runs.length === 0) {
      assertEquals(named, "StreaqError: Task fleeting expired: it was not started within 1 ms");
      blamed.set(id, [id]);
    } else {
      assertEquals([named, result.success && result.result], [undefined, id]);
      assert(ends.has(id), `${id} has ended`);
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
