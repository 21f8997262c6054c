import fc from "fast-check";

/** One thing that happens to a queue. */
export type Step =
  | { readonly do: "publish"; readonly ids: readonly number[]; readonly high: boolean; readonly kind: Kind }
  | { readonly do: "read"; readonly who: number; readonly count: number; readonly takeover: boolean }
  | { readonly do: "wait"; readonly who: number; readonly start: number }
  | { readonly do: "start" | "release" | "retry"; readonly who: number; readonly which: number }
  | {
    readonly do: "finish";
    readonly who: number;
    readonly which: number;
    readonly success: boolean;
    readonly ttl: Ttl;
  }
  | { readonly do: "renew" | "crash" | "leave"; readonly who: number }
  | { readonly do: "abort"; readonly id: number; readonly ttl: Ttl }
  | { readonly do: "repeat"; readonly name: number; readonly isStatic: boolean; readonly expression: string }
  | { readonly do: "unrepeat" | "tick"; readonly name: number }
  | { readonly do: "promote" };

/** Whether tasks are ready, or wait for their time or for the one before them; or whether they are piped into each other. */
export type Kind = "ready" | "delayed" | "dependent" | "pipeline";

type Ttl = number | null;

const who = fc.nat(2);
const which = fc.nat(5);
const ttl = fc.constantFrom(0, 3_600_000, null);
const name = fc.nat(1);

/** Any of them. */
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
      who,
      count: fc.integer({ min: 1, max: 4 }),
      takeover: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      who,
      start: fc.nat(3),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("start" as const, "release" as const), who, which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("retry" as const), who, which }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("finish" as const), who, which, success: fc.boolean(), ttl }) },
  fc.record({ do: fc.constantFrom("renew" as const, "crash" as const, "leave" as const), who }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("abort" as const), id: fc.nat(6), ttl }) },
  fc.record({
    do: fc.constant("repeat" as const),
    name,
    isStatic: fc.boolean(),
    expression: fc.constantFrom("@daily", "@yearly"),
  }),
  fc.record({ do: fc.constantFrom("unrepeat" as const, "tick" as const), name }),
  fc.record({ do: fc.constant("promote" as const) }),
);
