import type { Broker } from "../broker/broker.ts";
import { openBroker } from "../broker/open.ts";
import { StreaqError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import type { RedisClient } from "../redis/mod.ts";
import { withLifespan } from "./lifespan.ts";
import type { Counters } from "./counters.ts";
import type { Definition } from "./definition.ts";
import type { TaskInfo } from "./info.ts";
import { type Enqueued, Queue } from "./queue.ts";
import { RecordCodec } from "./record.ts";
import type { Registered, RegisteredTask } from "./registered_task.ts";
import { type EnqueueRequest, randomId, Request } from "./request.ts";
import type { TaskResult } from "./result.ts";
import { Run } from "./run.ts";
import { listenForSignals } from "./signals.ts";
import type { TaskStatus } from "./status.ts";
import type { ResultOptions } from "./task.ts";
import { resolveTaskOptions, taskName, type TaskOptions } from "./task_options.ts";
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from "./worker_options.ts";

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
  readonly #broker: Broker;
  readonly #codec: RecordCodec;
  readonly #queue: Queue;
  readonly #tasks = new Map<string, RegisteredTask<unknown[], unknown>>();
  readonly #definitions = new Map<string, Definition>();
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
    const { queueName, clock } = this.#options;
    this.#codec = new RecordCodec(this.#options);
    this.#broker = openBroker({ ...this.#options, binary: this.#codec.binary });
    this.#queue = new Queue({ ...this.#options, name: queueName, broker: this.#broker, codec: this.#codec, clock });
  }

  /** The worker's id in results and logs. */
  get id(): string {
    return this.#options.id;
  }

  /** The name of the queue. */
  get queueName(): string {
    return this.#options.queueName;
  }

  /** The client that the worker uses. */
  get redis(): RedisClient {
    return this.#broker.redis;
  }

  /** Registered tasks by name. */
  get registry(): ReadonlyMap<string, RegisteredTask<unknown[], unknown>> {
    return this.#tasks;
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

  /** How many tasks run now. */
  get running(): number {
    return this.#session?.current?.run.running ?? 0;
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
    const fnName = taskName(fn, options.name);
    if (this.#tasks.has(fnName)) throw new StreaqError(`The name of a task is taken in worker ${this.id}: ${fnName}`);
    const resolved = resolveTaskOptions(options);
    const call = fn as unknown as (...args: unknown[]) => unknown;
    const task = Object.defineProperties(async (...args: unknown[]) => await call(...args), {
      name: { value: fnName },
      fnName: { value: fnName, enumerable: true },
      worker: { value: this },
      options: { value: Object.freeze({ ...options }), enumerable: true },
      enqueue: { value: (...args: unknown[]) => new Request(this.#queue, { fnName, args, kwargs: {} }) },
    });
    this.#definitions.set(fnName, { fnName, fn: call, options: resolved });
    this.#tasks.set(fnName, task as unknown as RegisteredTask<unknown[], unknown>);
    return task as unknown as Registered<F>;
  }

  /**
   * Connects now instead of at the first operation.
   *
   * @throws {ConnectionError} When there is no connection within the client's `connectTimeout`.
   * @throws {ReplyError} At once, when the server refuses the credentials.
   */
  async connect(options?: { signal?: AbortSignal | undefined }): Promise<void> {
    this.#checkOpen();
    await this.#broker.connect(options);
  }

  /**
   * Enqueues many tasks in as few round trips as possible, one for 500.
   *
   * @returns The tasks, in order and typed.
   * @throws {EnqueueError} When some could not be stored; its `tasks` are those that were.
   */
  async enqueueMany<const T extends readonly EnqueueRequest<unknown>[]>(requests: T): Promise<Enqueued<T>> {
    return await this.#queue.enqueueMany(requests);
  }

  /** Where a task is in its life. */
  async statusById(id: string): Promise<TaskStatus> {
    return await this.#queue.status(id);
  }

  /**
   * Waits for a task's end.
   *
   * @throws {TimeoutError} When `timeout` passes first.
   * @throws {StreaqError} When the task is unknown, or its result is gone.
   */
  async resultById<R = unknown>(id: string, options?: ResultOptions): Promise<TaskResult<R>> {
    return await this.#queue.result(id, options) as TaskResult<R>;
  }

  /** What is known of a task; `null` when it is unknown or has ended. */
  async infoById(id: string): Promise<TaskInfo | null> {
    return await this.#queue.info(id);
  }

  /**
   * Runs tasks until it is told to stop: by `signal`, by SIGINT or SIGTERM, or by {@linkcode Worker.close}. Being told to
   * stop is a normal end. What is buffered is handed back, running tasks get the `gracePeriod`, then their signals are
   * aborted and they are handed back.
   *
   * @param options.burst End when nothing is left to read or running here.
   * @throws {StreaqError} When the worker runs already, or is closed.
   * @throws {ConnectionError} When Redis cannot be reached in the first place.
   */
  async run(options: { signal?: AbortSignal | undefined; burst?: boolean | undefined } = {}): Promise<void> {
    const { signal, burst = false } = options;
    this.#checkOpen();
    if (this.#session) throw new StreaqError(`The worker runs already: ${this.id}`);
    if (signal?.aborted) return;
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal?.addEventListener("abort", abort, { once: true });
    const session: Session<C> = this.#session = { stop, ended: Promise.resolve(), current: undefined };
    session.ended = this.#serve(session, burst);
    try {
      await session.ended;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#session = undefined;
    }
  }

  /** Stops the worker, as `run()` describes, and releases every connection and timer. Closing twice is harmless. */
  async close(): Promise<void> {
    await (this.#closed ??= this.#close());
  }

  /** Same as {@linkcode Worker.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(session: Session<C>, burst: boolean): Promise<void> {
    const { id, queueName, lifespan, logger, handleSignals } = this.#options;
    const { stop } = session;
    const unlisten = handleSignals
      ? listenForSignals((name) => {
        logger.info(`received signal ${name}, shutting down worker ${id}`);
        stop.abort();
      })
      : undefined;
    try {
      if (!await this.#connectOr(stop.signal)) return;
      await withLifespan(lifespan, async (workerContext) => {
        logger.info(`starting worker ${id} for queue ${queueName}`);
        const run = this.#newRun(workerContext, burst);
        session.current = { run, context: workerContext };
        await run.until(stop.signal);
      });
    } finally {
      session.current = undefined;
      unlisten?.();
    }
  }

  /** Connects; `false` when told to stop meanwhile. */
  async #connectOr(stop: AbortSignal): Promise<boolean> {
    try {
      await this.#broker.connect({ signal: stop });
      return true;
    } catch (error) {
      if (stop.aborted) return false;
      throw error;
    }
  }

  #newRun(workerContext: C, burst: boolean): Run {
    const { id, priorities, idleTimeout } = this.#options;
    // A restart under a fixed id must not share a lease with its predecessor.
    const name = `${id}-${randomId().slice(0, 8)}`;
    return new Run({
      ...this.#options,
      workerId: id,
      workerContext,
      burst,
      codec: this.#codec,
      registry: this.#definitions,
      counters: this.#counters,
      consumer: this.#broker.consumer({ name, priorities, idleTimeout }),
    });
  }

  async #close(): Promise<void> {
    this.#session?.stop.abort();
    // Whoever called run() hears of its error.
    await this.#session?.ended.catch(() => {});
    await this.#broker.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new StreaqError(`The worker is closed: ${this.id}`);
  }
}

/** One call of `run()`. */
interface Session<C> {
  readonly stop: AbortController;
  ended: Promise<void>;
  /** There as soon as the lifespan has yielded. */
  current: { readonly run: Run; readonly context: C } | undefined;
}
