import fc from "fast-check";

/** An operation on a queue. Workers, deliveries, tasks and schedules are named by number. */
export type Step =
  | { readonly do: "publish"; readonly ids: readonly number[]; readonly high: boolean; readonly kind: Kind }
  | { readonly do: "read"; readonly worker: number; readonly count: number; readonly takeover: boolean }
  | { readonly do: "wait"; readonly worker: number; readonly start: number }
  | { readonly do: "start" | "release" | "retry"; readonly worker: number; readonly delivery: number }
  | {
    readonly do: "finish";
    readonly worker: number;
    readonly delivery: number;
    readonly success: boolean;
    readonly ttl: Ttl;
    readonly keep: boolean;
  }
  | {
    readonly do: "turn";
    readonly worker: number;
    readonly ends: readonly End[];
    readonly count: number;
    readonly twice: boolean;
  }
  | { readonly do: "renew" | "crash" | "leave"; readonly worker: number }
  | { readonly do: "revive" | "purge"; readonly ids: readonly number[] }
  | { readonly do: "abort"; readonly id: number; readonly ttl: Ttl }
  | { readonly do: "schedule"; readonly name: number; readonly isStatic: boolean; readonly expression: string }
  | { readonly do: "unschedule" | "tick"; readonly name: number }
  | { readonly do: "promote" };

/** How the published tasks are to wait: not at all, until they are due, each for the one before it, or as a pipeline. */
export type Kind = "ready" | "delayed" | "dependent" | "pipeline";

type Ttl = number | null;

/** How a delivery is finished. */
export interface End {
  readonly delivery: number;
  readonly success: boolean;
  readonly ttl: Ttl;
  /** Whether a failure is kept. */
  readonly keep: boolean;
}

const worker = fc.nat(2);
const delivery = fc.nat(5);
const ttl = fc.constantFrom(0, 3_600_000, null);
const success = fc.nat(2).map((n) => n === 0);
const keep = fc.nat(3).map((n) => n > 0);
const name = fc.nat(1);

/** Any step. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      ids: fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
      high: fc.boolean(),
      kind: fc.constantFrom<Kind>("ready", "ready", "delayed", "dependent", "dependent", "pipeline"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      worker,
      count: fc.integer({ min: 1, max: 4 }),
      takeover: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      worker,
      start: fc.nat(3),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("start" as const, "release" as const), worker, delivery }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("retry" as const), worker, delivery }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("finish" as const), worker, delivery, success, ttl, keep }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("turn" as const),
      worker,
      ends: fc.array(fc.record({ delivery: fc.nat(7), success, ttl, keep }), { maxLength: 5 }),
      count: fc.nat(4),
      twice: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constantFrom("renew" as const, "crash" as const, "leave" as const), worker }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("revive" as const, "revive" as const, "purge" as const),
      ids: fc.subarray([0, 1, 2, 3, 4, 5, 6], { minLength: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("abort" as const), id: fc.nat(6), ttl }) },
  fc.record({
    do: fc.constant("schedule" as const),
    name,
    isStatic: fc.boolean(),
    expression: fc.constantFrom("@daily", "@yearly"),
  }),
  fc.record({ do: fc.constantFrom("unschedule" as const, "tick" as const), name }),
  fc.record({ do: fc.constant("promote" as const) }),
);
