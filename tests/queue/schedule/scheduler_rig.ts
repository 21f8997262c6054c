import type { Broker } from "../../../src/broker/contract/broker.ts";
import type { Consumer } from "../../../src/broker/contract/consumer.ts";
import { openQueue } from "../../../src/queue/open_queue.ts";
import { resolveWorkerOptions } from "../../../src/queue/options/resolve_worker_options.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import type { RecordCodec } from "../../../src/queue/records/record_codec.ts";
import { Scheduler } from "../../../src/queue/run/scheduler.ts";
import { resolveTaskOptions } from "../../../src/queue/tasks/resolve_task_options.ts";
import type { Definition } from "../../../src/queue/tasks/definition.ts";
import { Lines, type Stage } from "../stage.ts";

/** The scheduler of a worker that runs nothing else. */
export class SchedulerRig {
  readonly queueName: string;
  readonly lines: Lines = new Lines();
  readonly registry: Map<string, Definition> = new Map();
  readonly broker: Broker;
  readonly consumer: Consumer;
  readonly codec: RecordCodec;
  readonly scheduler: Scheduler;

  constructor(options: WorkerOptions<undefined>) {
    const resolved = resolveWorkerOptions({ ...options, logger: this.lines });
    const { broker, codec, calendar } = openQueue(resolved, () => undefined);
    const { priorities, idleTimeout, id } = resolved;
    this.queueName = resolved.queueName;
    this.broker = broker;
    this.codec = codec;
    this.consumer = broker.consumer({ name: `${id}-00000000`, priorities, idleTimeout });
    const { scheduling } = this.consumer;
    this.scheduler = new Scheduler({
      ...resolved,
      publishing: broker,
      scheduling,
      registry: this.registry,
      codec,
      calendar,
    });
  }

  static async open(stage: Stage, options: WorkerOptions<undefined> = {}): Promise<SchedulerRig> {
    return new SchedulerRig({ ...(await stage.broker).options, queueName: stage.newQueue(), ...options });
  }

  /** Registers a cron job in this worker's code. */
  register(fnName: string, expression: string, timeZone = "UTC", version?: number): void {
    const cron = { expression, timeZone, maxScheduleDrift: null };
    this.registry.set(fnName, { fnName, fn: () => {}, options: resolveTaskOptions({ version }), cron });
  }

  /** Schedules a task that repeats, with an occurrence that is due at a time. */
  async repeat(name: string, expression: string, time: number, { timeZone = "UTC" } = {}): Promise<void> {
    const schedule = { name, isStatic: false, expression, timeZone, priority: "normal" };
    const task = { fnName: "job", args: [], kwargs: {}, createdTime: 1 };
    const data = this.codec.encodeTask(name, task);
    const record = this.codec.encodeSchedule(schedule, task);
    await this.broker.schedule({ ...schedule, data: record }, { taskId: name, data, time });
  }

  /** When the next occurrences are due, by the names of the schedules. */
  async times(): Promise<Map<string, number>> {
    return new Map((await this.broker.schedules(10_000)).map(({ name, time }) => [name, time]));
  }

  /** Runs {@linkcode Scheduler.keep} until something holds. */
  async keepUntil(check: () => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const kept = this.scheduler.keep(stop.signal);
    await check().finally(() => stop.abort());
    await kept;
  }
}
