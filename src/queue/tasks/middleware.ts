/** A task's function as middleware sees it: called with the arguments, it resolves to the result. */
export type Handler = (...args: unknown[]) => Promise<unknown>;

/**
 * Wraps every task of a worker: takes what is called next, and returns what is called instead.
 *
 * @example
 * ```ts
 * import { taskContext, Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * worker.middleware((next) => async (...args) => {
 *   const started = performance.now();
 *   try {
 *     return await next(...args);
 *   } finally {
 *     console.log(taskContext().taskId, performance.now() - started);
 *   }
 * });
 * ```
 */
export type Middleware = (next: Handler) => Handler;

/**
 * Wraps a function in middleware, the first one outermost.
 *
 * @throws {TypeError} When one of them returns no function.
 */
export function wrap(middleware: readonly Middleware[], innermost: Handler): Handler {
  return middleware.reduceRight((next, layer) => {
    const handler: unknown = layer(next);
    if (typeof handler === "function") return handler as Handler;
    throw new TypeError(`Middleware returned no function: ${typeof handler}`);
  }, innermost);
}
