import { millisecondsOrNull } from "../base/duration.ts";
import { StreaqError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import type { RedisClient } from "../redis/mod.ts";
import type { Counters } from "./run/counters.ts";
import type { TaskGraph } from "./inspect/graph.ts";
import type { TaskInfo } from "./inspect/task_info.ts";
import { partArguments } from "./tasks/kwargs.ts";
import type { Middleware } from "./tasks/middleware.ts";
import { type OpenQueue, openQueue } from "./open_queue.ts";
import type { Enqueued } from "./enqueue/producer.ts";
import type { EnqueueRequest, Registered, RegisteredTask } from "./enqueue/registered_task.ts";
import { makeStub, Registry } from "./enqueue/registry.ts";
import { Request } from "./enqueue/request.ts";
import type { TaskResult } from "./records/task_result.ts";
import { Session } from "./run/session.ts";
import type { TaskStatus } from "./inspect/task_status.ts";
import type { AbortOptions, ResultOptions } from "./inspect/wait_options.ts";
import { checkTaskName, type CronOptions, type TaskOptions } from "./tasks/task_options.ts";
import type { ListOptions, Schedule, SizeOptions } from "./inspect/inspector.ts";
import { inside } from "./context/inside.ts";
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from "./options/worker_options.ts";

/**
 * A queue of tasks: register functions, enqueue them from anywhere, and run them in as many processes as you like.
 *
 * Nothing connects in the constructor; the first operation does.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker({ redisUrl: "redis://localhost:6379" });
 *
 * const double = worker.task(async function double(value: number) {
 *   return await Promise.resolve(value * 2);
 * });
 *
 * const task = await double.enqueue(21);
 * await worker.run({ burst: true });
 * const { result } = await task.result();
 * await worker.close();
 * ```
 */
export class Worker<C = undefined> implements AsyncDisposable {
  readonly #options: ResolvedWorkerOptions<C>;
  readonly #queue: OpenQueue;
  readonly #registry: Registry;
  readonly #middleware: Middleware[] = [];
  readonly #counters: Counters = { completed: 0, failed: 0, retried: 0, aborted: 0, relinquished: 0 };
  /** What `run()` is at; `undefined` when it is not. */
  #session: Session<C> | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Makes a worker; nothing connects yet.
   *
   * @throws {RangeError | TypeError} When an option, or the URL, is not possible.
   */
  constructor(options: WorkerOptions<C> = {}) {
    this.#options = resolveWorkerOptions(options);
    this.#queue = openQueue(this.#options, (fnName) => this.#registry.definitions.get(fnName));
    this.#registry = new Registry({ worker: this, queue: this.#queue.producer });
  }

  /** The worker's id in results and logs. */
  get id(): string {
    return this.#options.id;
  }

  /** The name of the queue. */
  get queueName(): string {
    return this.#options.queueName;
  }

  /**
   * The client that the worker uses.
   *
   * @throws {StreaqError} When the queue is in memory.
   */
  get redis(): RedisClient {
    return this.#queue.broker.redis;
  }

  /** Registered tasks by name. */
  get registry(): ReadonlyMap<string, RegisteredTask<unknown[], unknown>> {
    return this.#registry.tasks;
  }

  /** The lowest level that the default logger writes, at first `"info"`; a logger of your own decides for itself. */
  get logLevel(): LogLevel {
    return this.#options.consoleLogger.level;
  }

  set logLevel(level: LogLevel) {
    this.#options.consoleLogger.level = level;
  }

  /** How many tasks came to which end in this worker. */
  get counters(): Readonly<Counters> {
    return this.#counters;
  }

  /** How many tasks run now; those of {@linkcode Worker.lingering} included. */
  get running(): number {
    return this.#session?.current?.run.running ?? 0;
  }

  /** How many functions go on although their task has ended, by a timeout or an abort; each still keeps its slot. */
  get lingering(): number {
    return this.#session?.current?.run.lingering ?? 0;
  }

  /**
   * What `lifespan` yielded.
   *
   * @throws {StreaqError} When the worker does not run.
   */
  get context(): C {
    const current = this.#session?.current;
    if (!current) throw new StreaqError(`The worker's context is there only while it runs: ${this.id}`);
    return current.context;
  }

  /**
   * Registers a function as a task.
   *
   * @param fn The function; its parameters and its result must survive the worker's serializer.
   * @returns The task: call it to run it here and now, or enqueue it.
   * @throws {StreaqError} When it has no name, or the name is taken.
   * @throws {RangeError | TypeError} When an option is not possible.
   */
  // deno-lint-ignore ban-types -- Only `Function` infers parameters with defaults and refuses untyped ones.
  task<F extends Function>(fn: F, options: TaskOptions = {}): Registered<F> {
    return this.#registry.register(fn, options) as unknown as Registered<F>;
  }

  /**
   * Registers a function that runs by itself, whenever a cron expression says so: each occurrence once, however many
   * workers there are.
   *
   * @param expression Five fields, six with leading seconds, seven with seconds and year, or a word like `@daily`.
   * @returns The task, which can be enqueued by hand too.
   * @throws {StreaqError} When the expression or the zone cannot be, and like {@linkcode Worker.task}.
   *
   * @example
   * ```ts
   * import { Worker } from "@q/streaq";
   *
   * const worker = new Worker({ timeZone: "Europe/Berlin" });
   * worker.cron("30 9 * * mon-fri", async function report() {
   *   await Promise.resolve("on weekdays, at half past nine");
   * }, { maxScheduleDrift: "5m" });
   * ```
   */
  cron<R>(expression: string, fn: () => R, options: CronOptions = {}): RegisteredTask<[], Awaited<R>> {
    const { maxScheduleDrift = null, timeZone = this.#options.timeZone, ...rest } = options;
    this.#queue.calendar.check(expression, timeZone, this.#options.clock.now());
    const drift = millisecondsOrNull(maxScheduleDrift, "maxScheduleDrift");
    const { timeout = "1h", unique = true } = rest;
    const job = { expression, timeZone, maxScheduleDrift: drift };
    const task = this.#registry.register(fn, { ...rest, timeout, unique }, job);
    return task as unknown as RegisteredTask<[], Awaited<R>>;
  }

  /**
   * A task that is registered elsewhere, to enqueue only: it knows the types and no more.
   *
   * @example
   * ```ts
   * import { Worker } from "@q/streaq";
   *
   * declare function fetchLength(url: string): Promise<number>;
   *
   * const worker = new Worker();
   * const stub = worker.stub<typeof fetchLength>("fetchLength");
   * const task = await stub.enqueue("https://example.org");
   * ```
   *
   * @throws {StreaqError} When it cannot be a name; and when the stub is called instead of enqueued.
   */
  // deno-lint-ignore ban-types -- As for task().
  stub<F extends Function>(name: string): Registered<F> {
    return makeStub({ worker: this, queue: this.#queue.producer }, name) as unknown as Registered<F>;
  }

  /**
   * Takes over the tasks of another worker: they are run here, and enqueued in this worker's queue from now on. Its
   * middleware and its lifespan stay behind.
   *
   * @throws {StreaqError} When a name is taken; then nothing is taken over.
   */
  include(other: Worker<unknown>): void {
    this.#registry.include(other.#registry);
  }

  /** Wraps every task, the first middleware outermost; what comes while the worker runs counts from the next run on. */
  middleware(middleware: Middleware): void {
    if (typeof middleware !== "function") {
      throw new TypeError(`Invalid middleware, expected a function: ${typeof middleware}`);
    }
    this.#middleware.push(middleware);
  }

  /**
   * Connects now instead of at the first operation.
   *
   * @throws {ConnectionError} When there is no connection within the client's `connectTimeout`.
   * @throws {ReplyError} At once, when the server refuses the credentials.
   */
  async connect(options?: { signal?: AbortSignal | undefined }): Promise<void> {
    this.#checkOpen();
    await this.#queue.broker.connect(options);
  }

  /**
   * Enqueues many tasks in as few round trips as possible, one for 500.
   *
   * @returns The tasks, in order and typed.
   * @throws {EnqueueError} When some could not be stored; its `tasks` are those that were.
   */
  async enqueueMany<const T extends readonly EnqueueRequest<unknown>[]>(requests: T): Promise<Enqueued<T>> {
    return await this.#queue.producer.enqueueMany(requests);
  }

  /**
   * Makes a request to run a task that is registered elsewhere, by its name alone; nothing checks the arguments.
   *
   * @param args Its arguments; named ones come last, made with {@linkcode kwargs}.
   * @throws {StreaqError} When it cannot be a name.
   */
  enqueueUnsafe<R = unknown>(name: string, ...args: unknown[]): EnqueueRequest<R> {
    const fnName = checkTaskName(name);
    return new Request<R>(this.#queue.producer, { fnName, ...partArguments(args), expire: null });
  }

  /** Where a task is in its life. */
  async statusById(id: string): Promise<TaskStatus> {
    return await this.#queue.inspector.status(id);
  }

  /**
   * Waits for a task's end.
   *
   * @throws {TimeoutError} When `timeout` passes first.
   * @throws {StreaqError} When the task is unknown, or its result is gone.
   */
  async resultById<R = unknown>(id: string, options?: ResultOptions): Promise<TaskResult<R>> {
    return await this.#queue.inspector.result(id, options) as TaskResult<R>;
  }

  /** What is known of a task; `null` when it is unknown or has ended. */
  async infoById(id: string): Promise<TaskInfo | null> {
    return await this.#queue.inspector.info(id);
  }

  /**
   * Ends a task there and then, wherever it is: it fails with `StreaqCancelled`.
   *
   * @returns `true` when that is its result now; `false` when it had ended before, or is unknown.
   */
  async abortById(id: string, options?: AbortOptions): Promise<boolean> {
    return await this.#queue.inspector.abort(id, options);
  }

  /** The most recent results that are kept, latest first. */
  getTasksByStatus(
    status: typeof TaskStatus.Done,
    options?: { limit?: number | undefined },
  ): Promise<TaskResult<unknown>[]>;
  /**
   * Tasks that have not ended, highest priority first; within one, in the order in which they are to run. Those that run
   * come in no order.
   *
   * @throws {StreaqError} When the status is `"missing"`, or the priority unknown.
   * @throws {RangeError} When `limit` is not a whole number from 1 to 10,000.
   */
  getTasksByStatus(
    status: typeof TaskStatus.Scheduled | typeof TaskStatus.Queued | typeof TaskStatus.Running,
    options?: ListOptions,
  ): Promise<TaskInfo[]>;
  async getTasksByStatus(status: TaskStatus, options?: ListOptions): Promise<unknown[]> {
    return await this.#queue.inspector.list(status, options);
  }

  /**
   * Tasks that repeat: the cron jobs of the code, once a worker has run, and what was scheduled with an expression. The
   * soonest first.
   *
   * @param options.limit How many at most, up to 10,000; 100 unless given.
   */
  async schedules(options?: { limit?: number | undefined }): Promise<Schedule[]> {
    return await this.#queue.inspector.schedules(options);
  }

  /**
   * When a cron expression is next due in the worker's `timeZone`, in Unix milliseconds; `null` when it never is again.
   *
   * @throws {StreaqError} When it cannot be an expression.
   */
  nextRun(expression: string): number | null {
    const { timeZone, clock } = this.#options;
    return this.#queue.calendar.next(expression, timeZone, clock.now());
  }

  /**
   * The tasks around one: what it waits for, what waits for it, and so on from there, the nearest first. What has ended is
   * shown as long as its result is kept, and a task remembers 100 of those that it was enqueued after.
   *
   * @param options.limit How many tasks at most, up to 1,000; 100 unless given.
   * @returns Without any nodes when the task is unknown.
   */
  async graph(id: string, options?: { limit?: number | undefined }): Promise<TaskGraph> {
    return await this.#queue.inspector.graph(id, options);
  }

  /** Lets a task repeat no more, as {@linkcode Task.unschedule} does; also a cron job, until a worker that has it schedules it again. */
  async unscheduleById(id: string): Promise<boolean> {
    return await this.#queue.inspector.unschedule(id);
  }

  /** How many tasks have not ended, running ones included. */
  async queueSize(options?: SizeOptions): Promise<number> {
    return await this.#queue.inspector.size(options);
  }

  /**
   * Runs tasks until it is told to stop: by `signal`, by SIGINT or SIGTERM, or by {@linkcode Worker.close}. Being told to
   * stop is a normal end. What is buffered is handed back, running tasks get the `gracePeriod`, then their signals are
   * aborted and they are handed back.
   *
   * @param options.burst End when nothing is left to read, due, or running here.
   * @throws {StreaqError} When the worker runs already, or is closed.
   * @throws {ConnectionError} When Redis cannot be reached in the first place.
   */
  async run(options: { signal?: AbortSignal | undefined; burst?: boolean | undefined } = {}): Promise<void> {
    const { signal, burst = false } = options;
    // In a thread the module is there for its functions alone.
    if (inside()) return;
    this.#checkOpen();
    if (this.#session) throw new StreaqError(`The worker runs already: ${this.id}`);
    if (signal?.aborted) return;
    const session = this.#session = new Session<C>({
      ...this.#options,
      ...this.#queue,
      registry: this.#registry.definitions,
      middleware: [...this.#middleware],
      counters: this.#counters,
      burst,
    });
    const stop = () => session.stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await session.ended;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#session = undefined;
    }
  }

  /**
   * Works off all that is there, for tests: like `run({ burst: true })`, or, where the worker runs already, until nothing
   * of the queue is queued or runs. Delayed tasks are not waited for.
   *
   * @throws {StreaqError} When a task calls it, which would wait for itself.
   * @throws {ConnectionError} When Redis cannot be reached in the first place.
   */
  async drain(): Promise<void> {
    await (this.#session?.drained() ?? this.run({ burst: true }));
  }

  /**
   * Stops the worker, as `run()` describes, and releases every connection, timer and thread. Closing twice is harmless.
   * A task or a lifespan that closes the worker it runs in does not wait for that.
   */
  async close(): Promise<void> {
    // In a thread, functions of the module may still enqueue when its top level has come to its end.
    if (inside()) return;
    this.#closed ??= this.#close();
    if (!this.#session?.isInside) await this.#closed;
    else this.#closed.catch(() => {});
  }

  /** Same as {@linkcode Worker.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const session = this.#session;
    session?.stop();
    // Whoever called run() hears of its error.
    await session?.ended.catch(() => {});
    await this.#queue.broker.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new StreaqError(`The worker is closed: ${this.id}`);
  }
}
