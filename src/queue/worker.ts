import { StreaqError } from "../base/errors.ts";
import { checkOptionNames } from "../base/known_options.ts";
import type { LogLevel } from "../base/log.ts";
import type { Registered, RegisteredTask } from "./enqueue/registered_task.ts";
import { Registry } from "./enqueue/registry.ts";
import { createStub } from "./enqueue/stub.ts";
import { type OpenQueue, openQueue } from "./open_queue.ts";
import { type ResolvedWorkerOptions, resolveWorkerOptions } from "./options/resolve_worker_options.ts";
import type { WorkerOptions } from "./options/worker_options.ts";
import { QueueClient } from "./queue_client.ts";
import type { Counters } from "./run/counters.ts";
import { Lifecycle } from "./run/lifecycle.ts";
import type { Middleware } from "./tasks/middleware.ts";
import { resolveCronOptions } from "./tasks/resolve_cron_options.ts";
import type { CronOptions, TaskOptions } from "./tasks/task_options.ts";
import { serveInThread } from "./threads/serve.ts";

/**
 * A worker of a queue: register functions, enqueue them from any process, and run them in any number of processes.
 * Nothing connects in the constructor; the first operation does.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker({ redisUrl: "redis://localhost:6379" });
 *
 * const fetchLength = worker.task("fetchLength", async (url: string): Promise<number> => {
 *   return (await (await fetch(url)).text()).length;
 * }, { maxTries: 5, retry: true, timeout: "30s" });
 *
 * await fetchLength.enqueue("https://example.org"); // In any process.
 * await worker.run(); // In a worker's process, until SIGINT, SIGTERM or close().
 * await worker.close();
 * ```
 */
export class Worker<C = undefined> extends QueueClient implements AsyncDisposable {
  readonly #options: ResolvedWorkerOptions<C>;
  readonly #queue: OpenQueue;
  readonly #registry: Registry;
  readonly #middleware: Middleware[] = [];
  readonly #counters: Counters = { completed: 0, failed: 0, retried: 0, aborted: 0, relinquished: 0 };
  readonly #lifecycle: Lifecycle<C>;

  /**
   * Creates a worker, without connecting.
   *
   * @throws {RangeError | TypeError} When an option is invalid.
   */
  constructor(options: WorkerOptions<C> = {}) {
    const resolved = resolveWorkerOptions(options);
    const queue = openQueue(resolved, (fnName) => this.#registry.definitions.get(fnName));
    super(resolved, queue);
    this.#options = resolved;
    this.#queue = queue;
    const onChange = () => this.#lifecycle.registered();
    const home = { worker: this, queue: queue.producer };
    this.#registry = new Registry(home, { logger: resolved.logger, defaults: resolved, onChange });
    this.#lifecycle = new Lifecycle({
      ...resolved,
      ...queue,
      registry: this.#registry.definitions,
      middleware: this.#middleware,
      counters: this.#counters,
    });
  }

  /** The worker's id in results and logs. */
  get id(): string {
    return this.#options.id;
  }

  /** Registered tasks by name. */
  get registry(): ReadonlyMap<string, RegisteredTask<unknown[], unknown>> {
    return this.#registry.tasks;
  }

  /** The lowest level that the default logger writes, at first `"info"`. A custom logger filters for itself. */
  get logLevel(): LogLevel {
    return this.#options.consoleLogger.level;
  }

  set logLevel(level: LogLevel) {
    this.#options.consoleLogger.level = level;
  }

  /** Counts the outcomes of tasks in this worker, over all its runs. */
  get counters(): Readonly<Counters> {
    return this.#counters;
  }

  /** The number of slots in use, including those that {@linkcode Worker.lingering} counts. */
  get running(): number {
    return this.#lifecycle.current?.run.running ?? 0;
  }

  /** The number of slots in use by functions that ignore their signal after their task timed out or was aborted. */
  get lingering(): number {
    return this.#lifecycle.current?.run.lingering ?? 0;
  }

  /**
   * The context that `lifespan` yielded.
   *
   * @throws {StreaqError} When the worker is not running.
   */
  get context(): C {
    const current = this.#lifecycle.current;
    if (!current) throw new StreaqError(`Cannot read the context of worker ${this.id}: it is not running`);
    return current.context;
  }

  /**
   * Registers a function as a task.
   *
   * @param name Its name in Redis; without it, the option `name` or that of the function, which bundlers may change.
   * @param fn The function. Its arguments and its result must survive the worker's serializer.
   * @returns The task: call it to run it here and now, or enqueue it.
   * @throws {StreaqError} When the name is invalid or taken, or options contradict each other.
   * @throws {RangeError | TypeError} When an option is invalid.
   */
  // deno-lint-ignore ban-types -- Only `Function` infers parameters with defaults and refuses untyped ones.
  task<F extends Function>(name: string, fn: F, options?: Omit<TaskOptions, "name">): Registered<F>;
  /** Registers a function as a task under its own name, or the option `name`. */
  // deno-lint-ignore ban-types -- As above.
  task<F extends Function>(fn: F, options?: TaskOptions): Registered<F>;
  task(first: unknown, second?: unknown, options?: object): never {
    const isNamed = typeof first === "string";
    return serveInThread(this.#registry.register(
      isNamed ? second : first,
      isNamed ? { ...options, name: first } : second ?? {},
    )) as never;
  }

  /**
   * Registers a function that runs on a schedule. Each occurrence is enqueued once, however many workers run.
   *
   * @param expression Five fields, six with leading seconds, seven with seconds and year, or a word like `@daily`.
   * @returns The task, which can also be enqueued by hand.
   * @throws {StreaqError} When the expression or the time zone is invalid, and as {@linkcode Worker.task} does.
   *
   * @example
   * ```ts
   * import { Worker } from "@q/streaq";
   *
   * const worker = new Worker({ timeZone: "Europe/Berlin" });
   * worker.cron("30 9 * * mon-fri", async (): Promise<void> => {
   *   await fetch("https://example.org/digest", { method: "POST" });
   * }, { name: "digest", maxScheduleDrift: "5m" });
   * ```
   */
  cron<R>(expression: string, fn: () => R, options: CronOptions = {}): RegisteredTask<[], Awaited<R>> {
    const { job, taskOptions } = resolveCronOptions(expression, options, this.#options);
    this.#queue.calendar.check(expression, job.timeZone, this.#options.clock.now());
    return serveInThread(this.#registry.register(fn, taskOptions, job)) as never;
  }

  /**
   * Creates a task that is registered elsewhere, to enqueue only. It has the types of `F`, and no options.
   *
   * @example
   * ```ts
   * import { Worker } from "@q/streaq";
   *
   * declare function fetchLength(url: string): Promise<number>;
   * const worker = new Worker();
   * const task = await worker.stub<typeof fetchLength>("fetchLength").enqueue("https://example.org");
   * ```
   *
   * @throws {StreaqError} When the name is invalid; also when the stub is called instead of enqueued.
   */
  // deno-lint-ignore ban-types -- As for task().
  stub<F extends Function>(name: string): Registered<F> {
    return createStub({ worker: this, queue: this.#queue.producer }, name) as unknown as Registered<F>;
  }

  /**
   * Moves the tasks and cron jobs of another worker to this one and its queue, without middleware and lifespan.
   *
   * @throws {StreaqError} When a name is taken; then no task moves.
   */
  include(other: Worker<unknown>): void {
    this.#registry.include(other.#registry);
  }

  /** Wraps every task, the first middleware outermost. If it is added during a run, it applies from the next run on. */
  middleware(middleware: Middleware): void {
    if (typeof middleware !== "function") {
      throw new TypeError(`Cannot use middleware: expected a function, got ${typeof middleware}`);
    }
    this.#middleware.push(middleware);
  }

  /**
   * Connects now instead of at the first operation.
   *
   * @throws {ConnectionError} When there is no connection within `connectTimeout`, or the server refuses it.
   * @throws {StreaqError} When the server is in cluster mode, and the name of the queue has no hash tag.
   */
  async connect(options?: { signal?: AbortSignal | undefined }): Promise<void> {
    checkOptionNames(options, { signal: true });
    this.#lifecycle.checkOpen();
    await this.#queue.broker.connect(options);
  }

  /**
   * Runs tasks until `signal` aborts, SIGINT or SIGTERM arrives, or {@linkcode Worker.close} is called. Then it
   * releases buffered tasks, gives running tasks the `gracePeriod` to finish, aborts the signals of those that are
   * left, releases them too, and resolves.
   *
   * @param options.burst Stops the worker once no task is left to read, due, or running here.
   * @throws {StreaqError} When the worker is already running, or is closed.
   * @throws {ConnectionError} When Redis cannot be reached in the first place.
   */
  async run(options: { signal?: AbortSignal | undefined; burst?: boolean | undefined } = {}): Promise<void> {
    checkOptionNames(options, { signal: true, burst: true });
    const { signal, burst = false } = options;
    await this.#lifecycle.run({ signal, burst });
  }

  /**
   * Runs tasks until none is left, for tests and serverless functions: like `run({ burst: true })`, which overlapping
   * calls share. If the worker is already running, waits until no task of the queue is queued or running. Delayed tasks
   * are not waited for.
   *
   * @param options.signal Ends it early: when it aborts, running tasks get the `gracePeriod` to finish and are then
   * released, and the call rejects with the signal's reason. While another call still drains, or the worker is running
   * anyway, the tasks continue and the call rejects at once.
   * @throws {StreaqError} When a task calls it, since that would wait for itself; and as {@linkcode Worker.run} does.
   *
   * @example
   * ```ts
   * import { Worker } from "@q/streaq";
   *
   * const worker = new Worker({ gracePeriod: "2s" });
   *
   * export async function handle(_request: Request): Promise<Response> {
   *   const signal = AbortSignal.timeout(25_000); // The platform allows 30 seconds.
   *   await worker.drain({ signal }).catch((error) => {
   *     if (!signal.aborted) throw error;
   *   });
   *   return Response.json({ left: await worker.queueSize() });
   * }
   * ```
   */
  async drain(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkOptionNames(options, { signal: true });
    await this.#lifecycle.drain(options.signal);
  }

  /**
   * Stops the worker as {@linkcode Worker.run} describes, and releases every connection, timer and thread. Closing
   * twice is harmless. A task or a lifespan that closes its own worker does not wait for that.
   */
  async close(): Promise<void> {
    await this.#lifecycle.close();
  }

  /** Same as {@linkcode Worker.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
