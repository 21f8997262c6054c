import type { Broker } from "../../../src/broker/contract/broker.ts";
import type { Completion } from "../../../src/broker/contract/completing.ts";
import type { Consumer } from "../../../src/broker/contract/consumer.ts";
import type { WorkerStatus } from "../../../src/broker/contract/membership.ts";
import type { Revival } from "../../../src/broker/contract/failures.ts";
import type { Delivery, Start } from "../../../src/broker/contract/delivery.ts";
import type { NewSchedule, Occurrence } from "../../../src/broker/contract/schedule.ts";
import type { NewTask } from "../../../src/broker/contract/task.ts";
import type { End, Kind, Step } from "./steps.ts";

const priorities = ["low", "high"];
/** So short that the leases of other workers have expired at the next takeover. */
const idleTimeout = 1;
const hour = 3_600_000;

interface DrivenWorker {
  readonly consumer: Consumer;
  readonly status: WorkerStatus;
  /** All deliveries that the worker ever leased, lost or not. */
  readonly deliveries: Delivery[];
}

/** Takes steps on a broker with three workers. Answers are in a form in which those of equal brokers are equal. */
export class BrokerDriver {
  readonly #broker: Broker;
  readonly #workers: DrivenWorker[] = [];
  #workerCount = 0;
  #abortCount = 0;
  /** By the name of a schedule: when the occurrence that is enqueued ahead is due. */
  readonly #times = new Map<string, number>();

  /** How long the results of deliveries that were finished are kept. */
  readonly #ttls = new Map<Delivery, number | null>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Lets the workers join. */
  async join(): Promise<void> {
    for (let i = 0; i < 3; i++) this.#workers.push(await this.#newWorker());
  }

  /** Takes a step, and returns the answer of the broker. */
  async take(step: Step): Promise<unknown> {
    switch (step.do) {
      case "publish":
        // When several tasks of a pipeline are refused, brokers may name any of them.
        return (await this.#broker.publish(newTasks(step.ids, step.kind, step.high))).map((answer) => {
          return String(answer).replace(/task-\d/, "task");
        });
      case "abort": {
        // On Redis the entry of a queued task stays in the stream, and is delivered once more to be dropped.
        if (await this.#broker.state(`task-${step.id}`) === "queued") return;
        const cancellation = { taskId: `task-${step.id}`, ttl: step.ttl, mark: `mark-${this.#abortCount++}` };
        return await this.#broker.abort({ ...cancellation, result: `aborted ${this.#abortCount}` });
      }
      case "revive":
        return await this.#revive(step.ids.map((id) => `task-${id}`).sort());
      case "purge":
        return await this.#broker.failures.purge(step.ids.map((id) => `task-${id}`));
      case "schedule":
        return await this.#schedule(`job-${step.name}`, step.isStatic, step.expression);
      case "unschedule":
        return await this.#broker.unschedule(`job-${step.name}`, { withdraw: true });
      case "tick":
        return await this.#tick(`job-${step.name}`);
      case "promote":
        return (await this.#workers[0]!.consumer.scheduling.promote()).promoted;
      default:
        return await this.#work(step, this.#workers[step.worker]!);
    }
  }

  /** Returns the visible state of the queue, after all fan-outs: which call runs them may differ between brokers. */
  async inspect(): Promise<unknown> {
    while ((await this.#workers[0]!.consumer.completing.fanOut()).unfinished);
    const ids = Array.from({ length: 7 }, (_, i) => `task-${i}`);
    const found = ids.map(async (id) => {
      const task = await this.#broker.find(id, { relatives: 10 });
      return [id, await this.#broker.state(id), task && { ...task, dueTime: task.dueTime !== null }];
    });
    const listed = (["scheduled", "queued", "running"] as const).map(async (state) => {
      const tasks = (await this.#broker.list(state, { limit: 100 })).map(({ taskId }) => taskId);
      return state === "queued" ? tasks : tasks.sort();
    });
    const schedules = (await this.#broker.schedules(10)).map(({ name, expression, data, isStatic }) => {
      return [name, expression, data, isStatic].join(" ");
    });
    return {
      found: await Promise.all(found),
      listed: await Promise.all(listed),
      results: await this.#broker.results(ids),
      failures: await this.#failures(ids),
      recent: (await this.#broker.recent(100)).map(([id]) => id).sort(),
      sizes: [
        await this.#broker.size({ includeScheduled: true }),
        await this.#broker.size({ includeScheduled: false }),
      ],
      schedules: schedules.sort(),
    };
  }

  /** Queues failed tasks again, each after those on which it depends, as its record says. */
  async #revive(ids: readonly string[]): Promise<unknown> {
    const kept = (await this.#broker.failures.load(ids)).filter((failure) => failure !== null);
    const revivals = kept.map(({ taskId, time, data }): Revival => {
      const [, dependency] = data.toString().split(" after ");
      return { taskId, time, after: dependency === undefined ? [] : [dependency] };
    });
    return (await this.#broker.failures.revive(revivals)).map((answer, i) => `${kept[i]!.taskId} ${answer}`);
  }

  async #failures(ids: readonly string[]): Promise<unknown> {
    const { failures } = this.#broker;
    const listed = (await failures.list()).map(({ taskId }) => taskId);
    const kept = (await failures.load(ids)).map((failure) => failure && { ...failure, time: 0 });
    const companions = (await failures.companions(ids)).map((others) => others.sort());
    return { listed: listed.sort(), count: await failures.count(), kept, companions };
  }

  async #work(step: Extract<Step, { worker: number }>, worker: DrivenWorker): Promise<unknown> {
    const { consumer, deliveries: inFlight, status } = worker;
    switch (step.do) {
      case "read": {
        const takeover = step.takeover ? "first" as const : "none" as const;
        const options = { takeover, inFlight, quarantined: 1 };
        // On Redis a worker takes over only from those that it has watched being silent.
        await consumer.leasing.read(0, options);
        await this.#letLeasesExpire();
        const { deliveries } = await consumer.leasing.read(step.count, options);
        // A takeover on Redis returns deliveries by priority.
        const sorted = deliveries.toSorted((a, b) => a.taskId.localeCompare(b.taskId));
        return this.#keep(worker, step.takeover ? sorted : deliveries);
      }
      case "wait": {
        // More than there are tasks, since Redis counts for each priority.
        const { deliveries } = await consumer.leasing.wait(10, 1, { slots: step.start });
        const starts = await consumer.leasing.start(deliveries.slice(0, step.start));
        return [this.#keep(worker, deliveries), starts.map(withoutTime)];
      }
      case "renew": {
        const { lost, aborted } = await consumer.membership.renew(inFlight, status);
        return [lost, aborted].map((all) => all.map(({ taskId, deliveries }) => `${taskId} ${deliveries}`).sort());
      }
      case "turn":
        return await this.#turn(step, worker);
      case "crash":
        this.#workers[step.worker] = await this.#newWorker();
        return;
      case "leave":
        await consumer.membership.leave(status, inFlight.slice(0, 1));
        this.#workers[step.worker] = await this.#newWorker();
        return;
      default:
        return await this.#settle(step, worker);
    }
  }

  async #settle(step: Extract<Step, { delivery: number }>, worker: DrivenWorker): Promise<unknown> {
    const { consumer, deliveries } = worker;
    const delivery = deliveries[step.delivery % deliveries.length];
    if (!delivery) return;
    switch (step.do) {
      case "start":
        return (await consumer.leasing.start([delivery])).map(withoutTime);
      case "release":
        return await consumer.completing.release([delivery]);
      case "retry":
        return await consumer.completing.retry([{ delivery, tries: delivery.deliveries, until: 0 }]);
      case "finish":
        return await consumer.completing.finish([this.#completionOf(delivery, step)]);
    }
  }

  async #turn({ ends, count, twice, ...step }: Extract<Step, { do: "turn" }>, worker: DrivenWorker): Promise<unknown> {
    const { consumer: { turning }, deliveries: leased } = worker;
    const chosen = new Map<string, Completion>();
    for (const end of leased.length > 0 ? ends : []) {
      const delivery = leased[end.delivery % leased.length]!;
      // A worker has no entry twice.
      chosen.set(`${delivery.priority} ${delivery.entryId}`, this.#completionOf(delivery, { ...end, ...step }));
    }
    const completions = [...chosen.values()];
    const answers = [];
    for (let time = 0; time < (twice ? 2 : 1); time++) {
      const { ends, deliveries, starts, broken } = await turning.turn(completions, count);
      answers.push([ends, this.#keep(worker, deliveries), starts.map(withoutTime), broken]);
    }
    return answers;
  }

  #completionOf(
    delivery: Delivery,
    { worker, success, ttl: wanted, keep }: Omit<End, "delivery"> & { worker: number },
  ): Completion {
    const { taskId, deliveries } = delivery;
    const result = `${success ? "ok" : "no"} ${taskId} ${worker} ${deliveries}`;
    const output = { next: taskId.replace(/\d$/, (n) => String(Number(n) + 1)), input: `from ${taskId}` };
    // Only an equal completion counts as one that is sent again.
    const ttl = this.#ttls.has(delivery) ? this.#ttls.get(delivery)! : wanted;
    this.#ttls.set(delivery, ttl);
    return { delivery, success, result, ttl, output, keep: keep && !success ? hour : undefined };
  }

  async #schedule(name: string, isStatic: boolean, expression: string): Promise<string> {
    const data = `data ${expression}`;
    const schedule: NewSchedule = { name, isStatic, expression, timeZone: "UTC", priority: "low", data };
    const first = firstOccurrence(name);
    const answer = await this.#broker.schedule(schedule, first);
    if (answer === "created" || answer === "changed") this.#times.set(name, first.time);
    return answer;
  }

  async #tick(name: string): Promise<number> {
    const time = this.#times.get(name) ?? -1;
    const next = { ...firstOccurrence(name), time: time + 1000, taskId: `${name} ${time + 1000}` };
    const { scheduling } = this.#workers[0]!.consumer;
    const { enqueued } = await scheduling.tick([{ name, time, priority: "low", timeZone: "UTC", next }]);
    if (enqueued === 1) this.#times.set(name, next.time);
    return enqueued;
  }

  /** Waits until every lease has expired, by the clock of the broker. */
  async #letLeasesExpire(): Promise<void> {
    const start = await this.#broker.time();
    // One millisecond more: the clock of the broker shows whole ones.
    while (await this.#broker.time() <= start + idleTimeout);
  }

  #keep(worker: DrivenWorker, deliveries: readonly Delivery[]): Omit<Delivery, "entryId" | "enqueueTime">[] {
    worker.deliveries.push(...deliveries);
    return deliveries.map(({ taskId, priority, deliveries, isQuarantined }) => ({
      taskId,
      priority,
      deliveries,
      isQuarantined,
    }));
  }

  async #newWorker(): Promise<DrivenWorker> {
    const workerId = `worker${this.#workerCount++}`;
    const consumer = this.#broker.consumer({ name: `${workerId}-abcdef01`, priorities, idleTimeout });
    const status = { workerId, summary: "", versions: new Map() };
    await consumer.membership.join(status);
    return { consumer, status, deliveries: [] };
  }
}

function newTasks(ids: readonly number[], kind: Kind, high: boolean): NewTask[] {
  const priority = high ? "high" : "low";
  // Of two tasks of one id that fail at once, brokers may call the second one existing or done. Redis queues a task without
  // dependencies, here task 0, before those whose dependencies have finished.
  const tasks = (kind === "dependent" ? [...new Set(ids)].sort() : ids).map((id): NewTask => ({
    id: `task-${id}`,
    data: kind === "dependent" && id > 0 ? `data-${id} after task-${id - 1}` : `data-${id}`,
    priority,
    due: kind === "delayed" ? (id % 2 ? hour : 0) : undefined,
    // One dependent each: several are released in any order.
    after: kind === "dependent" && id > 0 ? [`task-${id - 1}`] : undefined,
  }));
  if (kind !== "pipeline") return tasks;
  const [from, to] = [Math.min(...ids), Math.max(...ids)];
  return [pipelineFrom(from, to, priority)];
}

function pipelineFrom(id: number, last: number, priority: string, previous?: string): NewTask {
  const next = id < last ? pipelineFrom(id + 1, last, priority, `task-${id}`) : undefined;
  const data = previous === undefined ? `data-${id}` : `data-${id} after ${previous}`;
  return { id: `task-${id}`, data, priority, next };
}

/** The occurrence that a schedule begins with, far in the future. */
function firstOccurrence(name: string): Occurrence {
  return { taskId: name, data: "occurrence", time: 4_000_000_000_000 };
}

function withoutTime(start: Start | undefined): unknown {
  if (start === undefined || typeof start === "string") return start;
  const { time: _, ...rest } = start;
  return rest;
}
