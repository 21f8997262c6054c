/** A function that takes the arguments of a task and resolves to its result. */
export type Handler = (...args: unknown[]) => Promise<unknown>;

/**
 * Wraps every task of a worker: it takes the handler that comes next, and returns the handler to call instead.
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
 * Wraps a handler in middleware, the first one outermost.
 *
 * @throws {TypeError} When one of them does not return a function.
 */
export function wrap(middleware: readonly Middleware[], innermost: Handler): Handler {
  return middleware.reduceRight((next, layer) => {
    const handler: unknown = layer(next);
    if (typeof handler === "function") return handler as Handler;
    throw new TypeError(`Cannot use middleware: expected it to return a function, got ${typeof handler}`);
  }, innermost);
}
