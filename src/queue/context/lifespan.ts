import { StreaqError } from "../../base/errors.ts";

/**
 * Opens what tasks need, yields it once as the worker's context, and closes it when the run has finished.
 *
 * @example
 * ```ts
 * import { type Lifespan, Worker } from "@q/streaq";
 * import { createClient, type RedisClient } from "@q/streaq/redis";
 *
 * const lifespan: Lifespan<{ cache: RedisClient }> = async function* () {
 *   await using cache = createClient("redis://localhost:6380");
 *   yield { cache };
 * };
 * const worker = new Worker({ lifespan });
 * ```
 */
export type Lifespan<C> = () => AsyncGenerator<C, void, unknown>;

/**
 * Calls `body` with the context that the lifespan yields, and then runs the rest of the lifespan.
 *
 * @throws An error of the lifespan or of the body.
 */
export async function withLifespan<C>(
  lifespan: Lifespan<C> | undefined,
  body: (context: C) => Promise<void>,
): Promise<void> {
  // Without a lifespan, C is undefined, the default of the worker's type parameter.
  if (!lifespan) return await body(undefined as C);
  const generator = generatorOf(lifespan);
  const opened = await generator.next();
  if (opened.done) throw new StreaqError("Cannot use lifespan: expected it to yield a context, got none");
  try {
    await body(opened.value);
  } catch (error) {
    // As if the `yield` had thrown, `finally` blocks run, and the code after it does not.
    await generator.return();
    throw error;
  }
  if ((await generator.next()).done) return;
  await generator.return();
  throw new StreaqError("Cannot use lifespan: expected it to yield once, got a second context");
}

/** @throws {StreaqError} When it is not a generator function, but for example an async one that returns the context. */
function generatorOf<C>(lifespan: Lifespan<C>): AsyncGenerator<C, void, unknown> {
  if (typeof lifespan !== "function") {
    throw new StreaqError(`Cannot use lifespan: expected an async generator function, got ${typeof lifespan}`);
  }
  const generator = lifespan();
  if (typeof generator?.next === "function") return generator;
  throw new StreaqError("Cannot use lifespan: expected an async generator function, got one that returns no generator");
}
