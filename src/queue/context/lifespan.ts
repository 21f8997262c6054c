import { StreaqError } from "../../base/errors.ts";

/** Opens what tasks need, yields it once, and closes it afterwards. */
export type Lifespan<C> = () => AsyncGenerator<C, void, unknown>;

/**
 * Calls `body` with what the lifespan yields; its clean-up runs however that ends.
 *
 * @throws Whatever the lifespan or the body throws.
 */
export async function withLifespan<C>(
  lifespan: Lifespan<C> | undefined,
  body: (context: C) => Promise<void>,
): Promise<void> {
  // Without a lifespan C is undefined: that is the default of the worker's type.
  if (!lifespan) return await body(undefined as C);
  const generator = lifespan();
  const opened = await generator.next();
  if (opened.done) throw new StreaqError("The lifespan ended without yielding a context");
  try {
    await body(opened.value);
  } catch (error) {
    // Its code in `finally` runs, what stands after the `yield` does not, as if the error had come from there.
    await generator.return();
    throw error;
  }
  if ((await generator.next()).done) return;
  await generator.return();
  throw new StreaqError("The lifespan yielded a second context");
}
