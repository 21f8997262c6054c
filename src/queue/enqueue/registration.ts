import type { DraftTemplate } from "../records/draft.ts";
import type { Definition } from "../tasks/definition.ts";
import type { TaskOptions } from "../tasks/task_options.ts";
import type { RegisteredTask } from "./registered_task.ts";
import { Request, type RequestQueue } from "./request.ts";

/** The worker of a registered task, and the queue that it is enqueued in. */
export interface Home {
  readonly worker: RegisteredTask<[], unknown>["worker"];
  readonly queue: RequestQueue;
}

/** A registered task. It can move to the worker that includes its own. */
export interface Registration {
  readonly definition: Definition;
  readonly task: RegisteredTask<unknown[], unknown>;
  moveTo(home: Home): void;
}

/**
 * Creates the task of a definition: a function that calls the defined one, with the properties of a registered task.
 */
export function createRegistration(first: Home, definition: Definition, options: TaskOptions): Registration {
  let home = first;
  const { fnName, fn, validator } = definition;
  const { expire, version } = definition.options;
  const fields = { fnName, expire, version, validator };
  let template: DraftTemplate | undefined;
  const draft = (args: unknown[]) => (template ??= home.queue.template(fields)).draft({ args, kwargs: {} });
  const call = validator
    ? async (...args: unknown[]) => await validator.call(fn, args)
    : async (...args: unknown[]) => await fn(...args);
  const task = Object.defineProperties(call, {
    name: { value: fnName },
    fnName: { value: fnName, enumerable: true },
    worker: { get: () => home.worker },
    options: { value: Object.freeze({ ...options }), enumerable: true },
    enqueue: { value: (...args: unknown[]) => new Request(home.queue, draft(args)) },
  });
  return {
    definition,
    task: task as unknown as RegisteredTask<unknown[], unknown>,
    moveTo(next) {
      home = next;
      template = undefined;
    },
  };
}
