/** Random steps of tasks that depend on each other. */
import fc from "fast-check";

/** One step. */
export type GraphStep =
  | { readonly do: "publish"; readonly id: number; readonly after: readonly number[]; readonly twice: boolean }
  | {
    readonly do: "gather";
    readonly actor: number;
    readonly id: number;
    readonly after: readonly number[];
    readonly isRead: boolean;
    readonly twice: boolean;
  }
  | {
    readonly do: "more";
    readonly actor: number;
    readonly after: readonly number[];
    readonly isRead: boolean;
    readonly twice: boolean;
  }
  | { readonly do: "link"; readonly actor: number; readonly twice: boolean }
  | { readonly do: "run"; readonly actor: number; readonly takeover: boolean }
  | {
    readonly do: "finish";
    readonly actor: number;
    readonly which: number;
    readonly success: boolean;
    /** Whether a failure is kept. */
    readonly keep: boolean;
    readonly twice: boolean;
  }
  | { readonly do: "retry"; readonly ids: readonly number[]; readonly alone: boolean; readonly twice: boolean }
  | { readonly do: "purge"; readonly id: number; readonly twice: boolean }
  | { readonly do: "abort"; readonly id: number; readonly twice: boolean }
  | { readonly do: "crowd"; readonly id: number }
  | { readonly do: "fanOut"; readonly actor: number; readonly twice: boolean }
  | { readonly do: "mend" };

/** How many tasks exist, and how many of these, the first ones, are piped into a further task. */
export const [taskCount, pipedCount] = [6, 2];

/** The id of a task; larger numbers are the ids of the further tasks. */
export function nameOf(number: number): string {
  return number < taskCount ? `task-${number}` : `task-${number - taskCount}.2`;
}

const [actor, id, twice, isRead] = [fc.nat(2), fc.nat(taskCount - 1), fc.boolean(), fc.boolean()];
const any = fc.nat(taskCount + pipedCount - 1);
const after = fc.array(any, { maxLength: 4 });
const wideId = fc.integer({ min: pipedCount, max: taskCount - 1 });

/** Any step. */
export const graphStep: fc.Arbitrary<GraphStep> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("publish" as const), id, after, twice }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("gather" as const), actor, id: wideId, after, isRead, twice }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("more" as const), actor, after, isRead, twice }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("link" as const), actor, twice }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("run" as const), actor, takeover: twice }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("finish" as const),
      actor,
      which: fc.nat(3),
      success: fc.nat(2).map((n) => n > 0),
      keep: fc.nat(3).map((n) => n > 0),
      twice,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("retry" as const),
      ids: fc.array(any, { minLength: 1, maxLength: 3 }),
      alone: fc.nat(3).map((n) => n === 0),
      twice,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("purge" as const), id: any, twice }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const), id: any, twice }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crowd" as const), id: any }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("fanOut" as const), actor, twice }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("mend" as const) }) },
);
