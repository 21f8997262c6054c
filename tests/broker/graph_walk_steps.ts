import fc from "fast-check";

/** A step of tasks that depend on each other. Tasks are named by number. */
export type WalkStep =
  | { readonly do: "publish"; readonly id: number; readonly after: readonly number[] }
  | { readonly do: "start"; readonly count: number }
  | { readonly do: "finish"; readonly which: number; readonly success: boolean; readonly keep: boolean }
  | { readonly do: "retry"; readonly ids: readonly number[] }
  | { readonly do: "purge" | "abort"; readonly id: number }
  | { readonly do: "fanOut" };

/** How many tasks exist, and how many of these, the first ones, are piped into a further task. */
export const [walkCount, walkPipedCount] = [5, 2];

/** The id of a task; larger numbers are those of the further tasks. */
export function walkName(number: number): string {
  return number < walkCount ? `task-${number}` : `task-${number - walkCount}.2`;
}

const all = Array.from({ length: walkCount + walkPipedCount }, (_, n) => n);
const any = fc.nat(walkCount + walkPipedCount - 1);
const twoThirds = fc.nat(2).map((n) => n > 0);

/** Any step. */
export const walkStep: fc.Arbitrary<WalkStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      id: fc.nat(walkCount - 1),
      after: fc.uniqueArray(fc.nat(walkCount - 1), { maxLength: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("start" as const), count: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("finish" as const),
      which: fc.nat(5),
      success: fc.nat(2).map((n) => n === 0),
      keep: twoThirds,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("retry" as const),
      ids: fc.subarray(all, { minLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fanOut" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("purge" as const, "abort" as const), id: any }) },
);
