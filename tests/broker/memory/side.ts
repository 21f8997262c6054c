import type { Broker } from "../../../src/broker/contract/broker.ts";
import type { Consumer } from "../../../src/broker/contract/consumer.ts";
import type { Delivery, Start } from "../../../src/broker/contract/delivery.ts";
import type { NewSchedule, Occurrence } from "../../../src/broker/contract/schedule.ts";
import type { NewTask } from "../../../src/broker/contract/task.ts";
import { sleep } from "../../queue/stage.ts";
import type { Kind, Step } from "./steps.ts";

const priorities = ["low", "high"];
/** So short that a lease has run out when the next one is looked for, unless it is the worker's own. */
const idleTimeout = 1;
const hour = 3_600_000;

interface SideWorker {
  readonly consumer: Consumer;
  readonly life: { readonly workerId: string; readonly summary: string };
  /** All that it ever leased, lost or not. */
  readonly known: Delivery[];
}

/** One of two brokers that are to do the same. What it answers is told in a way that does not depend on which it is. */
export class Side {
  readonly #broker: Broker;
  readonly #workers: SideWorker[] = [];
  #named = 0;
  #marks = 0;
  /** When the occurrence that is enqueued ahead is due, by name. */
  readonly #times = new Map<string, number>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  async open(): Promise<void> {
    for (let i = 0; i < 3; i++) this.#workers.push(await this.#newWorker());
  }

  /** Takes a step; tells what was answered. */
  async take(step: Step): Promise<unknown> {
    switch (step.do) {
      case "publish":
        return (await this.#broker.publish(newTasks(step.ids, step.kind, step.high))).map(String);
      case "abort": {
        // On Redis the entry of a task that nobody has started stays, and is handed out once more, to be dropped.
        if (await this.#broker.state(`task-${step.id}`) === "queued") return;
        const cancellation = { taskId: `task-${step.id}`, ttl: step.ttl, mark: `mark ${this.#marks++}` };
        return await this.#broker.abort({ ...cancellation, result: `aborted ${this.#marks}` });
      }
      case "repeat":
        return await this.#repeat(`job-${step.name}`, step.isStatic, step.expression);
      case "unrepeat":
        return await this.#broker.unschedule(`job-${step.name}`, { withdraw: true });
      case "tick":
        return await this.#tick(`job-${step.name}`);
      case "promote":
        await sleep(2);
        return (await this.#workers[0]!.consumer.scheduling.promote()).promoted;
      default:
        return await this.#work(step, this.#workers[step.who]!);
    }
  }

  /** All that can be seen of a queue, when all dependents were told: who tells them may differ. */
  async look(): Promise<unknown> {
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
    const repetitions = (await this.#broker.schedules(10)).map(({ name, expression, data, isStatic }) => {
      return [name, expression, data, isStatic].join(" ");
    });
    return {
      found: await Promise.all(found),
      listed: await Promise.all(listed),
      results: await this.#broker.results(ids),
      recent: (await this.#broker.recent(100)).map(([id]) => id).sort(),
      sizes: [
        await this.#broker.size({ includeScheduled: true }),
        await this.#broker.size({ includeScheduled: false }),
      ],
      repetitions: repetitions.sort(),
    };
  }

  async #work(step: Extract<Step, { who: number }>, worker: SideWorker): Promise<unknown> {
    const { consumer, known, life } = worker;
    switch (step.do) {
      case "read": {
        // Nothing is taken over but what has been idle.
        await sleep(4);
        const takeover = step.takeover ? "first" as const : "none" as const;
        const { deliveries } = await consumer.leasing.read(step.count, { takeover, inFlight: known, quarantined: 1 });
        // Where some were taken over, Redis tells them priority by priority.
        const sorted = deliveries.toSorted((a, b) => a.taskId.localeCompare(b.taskId));
        return this.#keep(worker, step.takeover ? sorted : deliveries);
      }
      case "wait": {
        // More than there are: Redis counts for each priority.
        const { deliveries } = await consumer.leasing.wait(10, 1, { slots: step.start });
        const starts = await consumer.leasing.start(deliveries.slice(0, step.start));
        return [this.#keep(worker, deliveries), starts.map(untimed)];
      }
      case "renew":
        return (await consumer.membership.renew(known, life)).lost.map(({ taskId, deliveries }) =>
          `${taskId} ${deliveries}`
        )
          .sort();
      case "crash":
        this.#workers[step.who] = await this.#newWorker();
        return;
      case "leave":
        await consumer.membership.leave(life, known.slice(0, 1));
        this.#workers[step.who] = await this.#newWorker();
        return;
      default:
        return await this.#settle(step, worker);
    }
  }

  async #settle(
    step: Extract<Step, { which: number }>,
    { consumer, known }: SideWorker,
  ): Promise<unknown> {
    const delivery = known[step.which % known.length];
    if (!delivery) return;
    const { taskId } = delivery;
    switch (step.do) {
      case "start":
        return (await consumer.leasing.start([delivery])).map(untimed);
      case "release":
        return await consumer.completing.release([delivery]);
      case "retry":
        return await consumer.completing.retry([{ delivery, tries: delivery.deliveries, until: 0 }]);
      case "finish": {
        const result = `${step.success ? "ok" : "no"} ${taskId} ${step.who} ${delivery.deliveries}`;
        const output = { next: taskId.replace(/\d$/, (n) => String(Number(n) + 1)), input: `from ${taskId}` };
        return await consumer.completing.finish([{ delivery, success: step.success, result, ttl: step.ttl, output }]);
      }
    }
  }

  async #repeat(name: string, isStatic: boolean, expression: string): Promise<string> {
    const data = `data ${expression}`;
    const repetition: NewSchedule = { name, isStatic, expression, timeZone: "UTC", priority: "low", data };
    const answer = await this.#broker.schedule(repetition, this.#occurrence(name));
    if (answer === "created" || answer === "changed") this.#times.set(name, this.#occurrence(name).time);
    return answer;
  }

  async #tick(name: string): Promise<number> {
    const time = this.#times.get(name) ?? -1;
    const next = { ...this.#occurrence(name), time: time + 1000, taskId: `${name} ${time + 1000}` };
    const ticked = await this.#workers[0]!.consumer.scheduling.tick([{
      name,
      time,
      priority: "low",
      timeZone: "UTC",
      next,
    }]);
    if (ticked === 1) this.#times.set(name, next.time);
    return ticked;
  }

  #occurrence(name: string): Occurrence {
    return { taskId: name, data: "occurrence", time: 4_000_000_000_000 };
  }

  #keep({ known }: SideWorker, deliveries: readonly Delivery[]): Omit<Delivery, "entryId" | "enqueueTime">[] {
    known.push(...deliveries);
    return deliveries.map(({ taskId, priority, deliveries, isQuarantined }) => ({
      taskId,
      priority,
      deliveries,
      isQuarantined,
    }));
  }

  async #newWorker(): Promise<SideWorker> {
    const workerId = `worker${this.#named++}`;
    const consumer = this.#broker.consumer({ name: `${workerId}-abcdef01`, priorities, idleTimeout });
    const life = { workerId, summary: "" };
    await consumer.membership.join(life);
    return { consumer, life, known: [] };
  }
}

function newTasks(ids: readonly number[], kind: Kind, high: boolean): NewTask[] {
  const priority = high ? "high" : "low";
  // One that is named twice, and fails at once, may be called one that exists or one that is done.
  const tasks = (kind === "dependent" ? [...new Set(ids)] : ids).map((id): NewTask => ({
    id: `task-${id}`,
    data: `data-${id}`,
    priority,
    due: kind === "delayed" ? (id % 2 ? hour : 0) : undefined,
    // One dependent each: sets of several are told in no order.
    after: kind === "dependent" && id > 0 ? [`task-${id - 1}`] : undefined,
  }));
  if (kind !== "pipeline") return tasks;
  const [from, to] = [Math.min(...ids), Math.max(...ids)];
  return [pipelineFrom(from, to, priority)];
}

function pipelineFrom(id: number, last: number, priority: string): NewTask {
  const next = id < last ? pipelineFrom(id + 1, last, priority) : undefined;
  return { id: `task-${id}`, data: `data-${id}`, priority, next };
}

function untimed(start: Start | undefined): unknown {
  if (start === undefined || typeof start === "string") return start;
  const { time: _, ...rest } = start;
  return rest;
}
