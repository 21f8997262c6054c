import type { Cancellable } from "../contract/cancellable.ts";
import type { Delivery } from "../contract/delivery.ts";
import type { Membership, QueueEvent, Renewal, WorkerStatus } from "../contract/membership.ts";
import { inChunks } from "./chunks.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { retry } from "../../base/retry.ts";
import { resending } from "./resending_client.ts";
import { mend } from "./scripts/dependents/mend.ts";
import { heartbeat } from "./scripts/lease/heartbeat.ts";
import { leave } from "./scripts/lease/leave.ts";
import { renew } from "./scripts/lease/renew.ts";
import { tidy } from "./scripts/lease/tidy.ts";
import { deliveryLimit } from "./scripts/lease/lease_args.ts";

/** How many cheap heartbeats an idle worker sends between two full renewals. */
const heartbeats = 19;

/** A worker's part in a queue on Redis. */
export class RedisMembership implements Membership {
  readonly #state: ConsumerState;
  readonly #closeReads: () => Promise<void>;
  /** The line about the worker that is stored. */
  #summary = "";
  /** How many heartbeats were sent since the last full renewal. */
  #heartbeats = 0;
  /** How far tidying and mending have come. */
  readonly #cursors = { tidy: "0", mend: "0" };

  /** @param closeReads Closes the connection of the blocking reads. */
  constructor(state: ConsumerState, closeReads: () => Promise<void>) {
    this.#state = state;
    this.#closeReads = closeReads;
  }

  async join(status: WorkerStatus, { signal }: Cancellable = {}): Promise<Renewal> {
    const { redis, keys, groups, options: { clock } } = this.#state;
    const join = async () => {
      await groups.create();
      const renewal = await this.#renew([], status);
      await redis.command(["PUBLISH", keys.wake, "joined"]);
      return renewal;
    };
    return await retry(join, { ...resending, clock, signal });
  }

  async renew(inFlight: readonly Delivery[], status: WorkerStatus): Promise<Renewal> {
    this.#state.isBusy = inFlight.length > 0;
    if (inFlight.length > 0 || this.#heartbeats >= heartbeats) return await this.#renew(inFlight, status);
    const pending = await this.#heartbeat(status);
    // The queue has forgotten this worker, so it is announced again.
    if (pending < 0) return await this.#renew(inFlight, status);
    return { lost: [], idleTimeout: this.#state.idleTimeout, hasPending: pending > 0 };
  }

  onEvent(listener: (event: QueueEvent) => void): () => void {
    const state = this.#state;
    const text = new TextDecoder();
    const notify = state.onEvent = (event) => {
      // Another worker may have another idle timeout, which only a full renewal learns.
      if (event.kind === "joined" || event.kind === "connected") this.#heartbeats = heartbeats;
      listener(event);
    };
    const unlisten = state.redis.listen(state.keys.wake, {
      message: (message) => notify(readEvent(text.decode(message))),
      subscribed: () => notify({ kind: "connected" }),
      isPatient: () => !state.isBusy,
    });
    return () => {
      state.onEvent = undefined;
      unlisten();
    };
  }

  async tidy(): Promise<void> {
    const { redis, keys, groups, options, idleTimeout } = this.#state;
    const cursors = this.#cursors;
    cursors.tidy = await groups.within(() => tidy(redis, keys, { ...options, idleTimeout }, cursors.tidy));
    cursors.mend = await mend(redis, keys, cursors.mend);
  }

  async leave({ workerId }: WorkerStatus, ran: readonly Delivery[]): Promise<void> {
    const { redis, keys, groups, options } = this.#state;
    // The reads end first: one that still waits would lease an entry after the worker has left.
    await this.#closeReads();
    const ids = ran.map(({ taskId }) => taskId);
    await groups.within(() => leave(redis, keys, options, workerId, ids));
  }

  async #renew(inFlight: readonly Delivery[], status: WorkerStatus): Promise<Renewal> {
    const { redis, keys, groups, options } = this.#state;
    this.#heartbeats = 0;
    const renewals = await Promise.all(
      inChunks(inFlight, deliveryLimit).map((chunk) => groups.within(() => renew(redis, keys, options, chunk, status))),
    );
    this.#state.agree(Math.max(...renewals.map(({ idleTimeout }) => idleTimeout)));
    this.#state.reportFanOuts(Math.max(...renewals.map(({ listed }) => listed)));
    const lost = renewals.flatMap(({ lost }) => lost);
    return { lost, idleTimeout: this.#state.idleTimeout, hasPending: false };
  }

  /** Sends as little as possible; returns how many entries are pending, or -1 when the queue has forgotten this worker. */
  async #heartbeat(status: WorkerStatus): Promise<number> {
    const { redis, keys, groups, options } = this.#state;
    const isNew = status.summary !== this.#summary;
    this.#summary = status.summary;
    // Every other heartbeat looks for fan-outs that a dead worker left.
    const looks = this.#heartbeats++ % 2 === 1;
    const [pending, listed] = await groups.within(() => heartbeat(redis, keys, options, status, { isNew, looks }));
    this.#state.reportFanOuts(listed);
    return pending;
  }
}

/** Reads a message on the wake channel; one that is not understood is a reason to look. */
function readEvent(message: string): QueueEvent {
  const space = message.indexOf(" ");
  const rest = message.slice(space + 1);
  if (message === "joined") return { kind: "joined" };
  switch (space === -1 ? "" : message.slice(0, space)) {
    case "aborted":
      return { kind: "aborted", taskId: rest };
    case "due":
      return { kind: "due", ms: Math.max(0, Number(rest) || 0) };
    default:
      return { kind: "released" };
  }
}
