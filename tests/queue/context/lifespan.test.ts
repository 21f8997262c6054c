import { describe, it } from "node:test";
import { assert, assertRejects } from "@std/assert";
import { StreaqError } from "../../../src/base/errors.ts";
import { type Lifespan, withLifespan } from "../../../src/queue/context/lifespan.ts";

describe("withLifespan()", () => {
  it("refuses what is not a generator function", async () => {
    for (
      const [lifespan, got] of [
        [async () => await Promise.resolve({ db: 1 }), "got one that returns no generator"],
        [() => undefined, "got one that returns no generator"],
        [{ db: 1 }, "got object"],
      ] as const
    ) {
      let hasRun = false;
      const body = () => Promise.resolve(void (hasRun = true));
      const run = () => withLifespan(lifespan as unknown as Lifespan<unknown>, body);
      await assertRejects(run, StreaqError, `Cannot use lifespan: expected an async generator function, ${got}`);
      assert(!hasRun);
    }
  });
});
