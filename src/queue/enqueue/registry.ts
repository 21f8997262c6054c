import { StreaqError } from "../../base/errors.ts";
import type { CronJob, Definition } from "../tasks/definition.ts";
import type { RegisteredTask } from "./registered_task.ts";
import { Request, type RequestQueue } from "./request.ts";
import { resolveTaskOptions, taskName, type TaskOptions } from "../tasks/task_options.ts";
import { threadRegistry } from "../context/inside.ts";

/** Where a registered task is enqueued: it moves to the worker that includes it. */
interface Home {
  readonly worker: RegisteredTask<[], unknown>["worker"];
  readonly queue: RequestQueue;
}

/** A task's definition, and the way to move it. */
interface Registration {
  readonly definition: Definition;
  readonly task: RegisteredTask<unknown[], unknown>;
  moveTo(home: Home): void;
}

/** The tasks of a worker, by name. */
export class Registry {
  readonly #home: Home;
  readonly #registrations = new Map<string, Registration>();
  readonly #tasks = new Map<string, RegisteredTask<unknown[], unknown>>();
  readonly #definitions = new Map<string, Definition>();

  constructor(home: Home) {
    this.#home = home;
  }

  /** What is enqueued, by name. */
  get tasks(): ReadonlyMap<string, RegisteredTask<unknown[], unknown>> {
    return this.#tasks;
  }

  /** What is run, by name. */
  get definitions(): ReadonlyMap<string, Definition> {
    return this.#definitions;
  }

  /**
   * Registers a function.
   *
   * @throws {StreaqError} When it has no name, the name is taken, or options contradict each other.
   * @throws {RangeError | TypeError} When an option is not possible.
   */
  register(fn: unknown, options: TaskOptions, cron?: CronJob): RegisteredTask<unknown[], unknown> {
    const fnName = taskName(fn, options.name);
    this.#checkFree(fnName);
    const definition = { fnName, fn: fn as Definition["fn"], options: resolveTaskOptions(options), cron };
    const registration = makeRegistration(this.#home, definition, options);
    // A thread imports the module again to find the function there.
    if (options.thread !== undefined) threadRegistry(options.thread)?.set(fnName, definition.fn);
    this.#add(registration);
    return registration.task;
  }

  /**
   * Takes over the tasks of another registry, and enqueues them where its own are.
   *
   * @throws {StreaqError} When a name is taken; then nothing is taken over.
   */
  include(other: Registry): void {
    for (const fnName of other.#registrations.keys()) this.#checkFree(fnName);
    for (const registration of other.#registrations.values()) {
      registration.moveTo(this.#home);
      this.#add(registration);
    }
  }

  #add(registration: Registration): void {
    const { task, definition } = registration;
    this.#registrations.set(definition.fnName, registration);
    this.#tasks.set(definition.fnName, task);
    this.#definitions.set(definition.fnName, definition);
  }

  #checkFree(fnName: string): void {
    if (!this.#tasks.has(fnName)) return;
    throw new StreaqError(`The name of a task is taken in worker ${this.#home.worker.id}: ${fnName}`);
  }
}

/**
 * A task that is registered elsewhere, to enqueue only.
 *
 * @throws {StreaqError} When it cannot be a name.
 */
export function makeStub(home: Home, name: string): RegisteredTask<unknown[], unknown> {
  const fn = () => {
    throw new StreaqError(`Could not run a task here that is registered elsewhere: ${name}`);
  };
  const fnName = taskName(fn, name);
  return makeRegistration(home, { fnName, fn, options: resolveTaskOptions({}), cron: undefined }, {}).task;
}

function makeRegistration(first: Home, definition: Definition, options: TaskOptions): Registration {
  let home = first;
  const { fnName, fn } = definition;
  const { expire } = definition.options;
  const task = Object.defineProperties(async (...args: unknown[]) => await fn(...args), {
    name: { value: fnName },
    fnName: { value: fnName, enumerable: true },
    worker: { get: () => home.worker },
    options: { value: Object.freeze({ ...options }), enumerable: true },
    enqueue: { value: (...args: unknown[]) => new Request(home.queue, { fnName, args, kwargs: {}, expire }) },
  });
  return {
    definition,
    task: task as unknown as RegisteredTask<unknown[], unknown>,
    moveTo: (next) => home = next,
  };
}
