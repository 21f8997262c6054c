import { StreaqError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { isInThread, threadRegistry } from "../context/thread_globals.ts";
import { partsOf } from "../tasks/checked.ts";
import type { CronJob, Definition } from "../tasks/definition.ts";
import { resolveTaskOptions, type TaskDefaults } from "../tasks/resolve_task_options.ts";
import { taskName } from "../tasks/task_name.ts";
import type { TaskOptions } from "../tasks/task_options.ts";
import { Validator } from "../tasks/validator.ts";
import type { RegisteredTask } from "./registered_task.ts";
import { createRegistration, type Home, type Registration } from "./registration.ts";

/** Options of a {@linkcode Registry}. */
export interface RegistryOptions {
  readonly logger: Pick<Logger, "warn">;
  readonly defaults: TaskDefaults;
  /** Called when tasks were registered. */
  readonly onChange: () => void;
}

/** The registered tasks of a worker, by name. */
export class Registry {
  readonly #home: Home;
  readonly #options: RegistryOptions;
  readonly #registrations = new Map<string, Registration>();
  readonly #tasks = new Map<string, RegisteredTask<unknown[], unknown>>();
  readonly #definitions = new Map<string, Definition>();

  constructor(home: Home, options: RegistryOptions) {
    this.#home = home;
    this.#options = options;
  }

  /** Tasks to enqueue, by name. */
  get tasks(): ReadonlyMap<string, RegisteredTask<unknown[], unknown>> {
    return this.#tasks;
  }

  /** Functions to run, by name. */
  get definitions(): ReadonlyMap<string, Definition> {
    return this.#definitions;
  }

  /**
   * Registers a function.
   *
   * @throws {StreaqError} When it has no name, the name is taken, or options contradict each other.
   * @throws {RangeError | TypeError} When an option is invalid.
   */
  register(fn: unknown, options: TaskOptions = {}, cron?: CronJob): RegisteredTask<unknown[], unknown> {
    const fnName = taskName(fn, options.name);
    this.#checkFree(fnName);
    // The function itself is run, so that nothing is checked twice.
    const parts = partsOf(fn);
    const definition: Definition = {
      fnName,
      fn: parts?.fn ?? fn as Definition["fn"],
      options: resolveTaskOptions(options, this.#options.defaults),
      validator: parts && new Validator(parts, fnName),
      cron,
    };
    const registration = createRegistration(this.#home, definition, options);
    // A thread imports the module in order to find the function in its registry.
    if (options.thread !== undefined) threadRegistry(options.thread)?.set(fnName, definition.fn);
    this.#add(registration);
    if (options.name === undefined && fnName.length <= 2 && !isInThread()) {
      const advice = 'give it one that stays, as in task("name", fn): bundlers rename functions';
      this.#options.logger.warn(`task ${fnName} has the name of its function: ${advice}`);
    }
    this.#options.onChange();
    return registration.task;
  }

  /**
   * Moves the tasks of another registry to this one.
   *
   * @throws {StreaqError} When a name is taken; then no task moves.
   */
  include(other: Registry): void {
    for (const fnName of other.#registrations.keys()) this.#checkFree(fnName);
    for (const registration of other.#registrations.values()) {
      registration.moveTo(this.#home);
      this.#add(registration);
    }
    this.#options.onChange();
  }

  #add(registration: Registration): void {
    const { task, definition } = registration;
    this.#registrations.set(definition.fnName, registration);
    this.#tasks.set(definition.fnName, task);
    this.#definitions.set(definition.fnName, definition);
  }

  #checkFree(fnName: string): void {
    if (!this.#tasks.has(fnName)) return;
    throw new StreaqError(`Cannot register task ${fnName}: its name is taken in worker ${this.#home.worker.id}`);
  }
}
