/** Random steps of the workers of the model test. */
import fc from "fast-check";

/** One step. */
export type Step =
  | { readonly do: "publish"; readonly ids: readonly number[]; readonly high: boolean }
  | { readonly do: "read"; readonly worker: number; readonly count: number; readonly takeover: boolean }
  | {
    readonly do: "start" | "release";
    readonly worker: number;
    readonly which: number;
    readonly twice: boolean;
  }
  | {
    readonly do: "retry";
    readonly worker: number;
    readonly which: number;
    /** Whether no try is spent. */
    readonly isFree: boolean;
    readonly twice: boolean;
  }
  | {
    readonly do: "finish";
    readonly worker: number;
    readonly which: number;
    readonly success: boolean;
    readonly twice: boolean;
  }
  | { readonly do: "wait"; readonly worker: number; readonly count: number; readonly start: number }
  | {
    readonly do: "turn";
    readonly worker: number;
    readonly rows: readonly TurnRow[];
    readonly count: number;
    readonly twice: boolean;
  }
  | { readonly do: "renew" | "crash" | "leave"; readonly worker: number }
  | { readonly do: "abort"; readonly id: number; readonly twice: boolean }
  | { readonly do: "promote" };

/** A delivery that a turn finishes. */
export interface TurnRow {
  readonly which: number;
  readonly success: boolean;
  /** Whether another task is to get its output, which none waits for. */
  readonly hasOutput: boolean;
  readonly ttl: number | null;
}

const worker = fc.nat(2);
const which = fc.nat(5);
const twice = fc.boolean();
/** Any step. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("publish" as const),
    ids: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }),
    high: fc.boolean(),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      worker,
      count: fc.integer({ min: 1, max: 4 }),
      takeover: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("start" as const, "release" as const), worker, which, twice }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("retry" as const), worker, which, isFree: fc.boolean(), twice }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("finish" as const), worker, which, success: fc.boolean(), twice }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      worker,
      count: fc.integer({ min: 1, max: 3 }),
      start: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("turn" as const),
      worker,
      // More successes than failures: rows of one kind go to Redis as a group.
      rows: fc.array(
        fc.record({
          which: fc.nat(7),
          success: fc.constantFrom(true, true, false),
          hasOutput: fc.boolean(),
          ttl: fc.constantFrom(60_000, 60_000, null),
        }),
        { maxLength: 6 },
      ),
      count: fc.nat(4),
      twice,
    }),
  },
  fc.record({ do: fc.constantFrom("renew" as const, "crash" as const, "leave" as const), worker }),
  fc.record({ do: fc.constant("abort" as const), id: fc.nat(4), twice }),
  fc.record({ do: fc.constant("promote" as const) }),
);
