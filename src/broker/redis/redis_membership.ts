import type { Cancellable } from "../contract/cancellable.ts";
import type { Delivery } from "../contract/delivery.ts";
import type { Membership, QueueEvent, Renewal, WorkerStatus } from "../contract/membership.ts";
import { StreaqError } from "../../base/errors.ts";
import { ReplyError } from "../../redis/mod.ts";
import { evictionHazards } from "./eviction_hazards.ts";
import { inChunks } from "./chunks.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { retry } from "../../base/retry.ts";
import { resending } from "./resending_client.ts";
import { mend } from "./scripts/dependents/mend.ts";
import { heartbeat } from "./scripts/lease/heartbeat.ts";
import { leave } from "./scripts/lease/leave.ts";
import { showRegistered } from "./scripts/lease/registered.ts";
import { renew } from "./scripts/lease/renew.ts";
import { tidy, tidyStart } from "./scripts/lease/tidy.ts";
import { deliveryLimit } from "./scripts/lease/lease_args.ts";

/** How many heartbeats an idle worker sends between two renewals, which cost more. */
const heartbeatsPerRenewal = 19;

/** The membership of a worker in a queue on Redis. */
export class RedisMembership implements Membership {
  readonly #state: ConsumerState;
  readonly #closeReads: () => Promise<void>;
  /** The summary that is stored. */
  #summary = "";
  /** The registered tasks that are stored. */
  #registered = "";
  /** Whether the worker was recorded as alive before. */
  #hasJoined = false;
  /** How many heartbeats were sent since the last renewal. */
  #heartbeats = 0;
  /** Where tidying and mending continue. */
  readonly #cursors = { tidy: tidyStart, mend: "0" };

  /** @param closeReads Closes the connection of the blocking reads. */
  constructor(state: ConsumerState, closeReads: () => Promise<void>) {
    this.#state = state;
    this.#closeReads = closeReads;
  }

  async join(status: WorkerStatus, { signal }: Cancellable = {}): Promise<Renewal> {
    const { redis, keys, groups, options: { clock } } = this.#state;
    const join = async () => {
      await this.#refusePython();
      await groups.create();
      const renewal = await this.#renew([], status);
      await redis.command(["PUBLISH", keys.wake, "joined"]).catch((error) => {
        // A hint, which may be forbidden: the other workers look up the idle timeout by themselves.
        if (!(error instanceof ReplyError)) throw error;
      });
      return renewal;
    };
    return await retry(join, { ...resending, clock, signal });
  }

  async hazards(): Promise<readonly string[]> {
    // Not every user may ask, and the queue works without the answer.
    const info = await this.#state.redis.command<string>(["INFO", "memory"]).catch(() => "");
    return evictionHazards(String(info));
  }

  async renew(inFlight: readonly Delivery[], status: WorkerStatus): Promise<Renewal> {
    this.#state.isBusy = inFlight.length > 0;
    const isDue = this.#heartbeats >= heartbeatsPerRenewal || showRegistered(status.versions) !== this.#registered;
    if (inFlight.length > 0 || isDue) return await this.#renew(inFlight, status);
    const pending = await this.#heartbeat(status);
    // The worker is no longer recorded as alive, so it renews everything.
    if (pending < 0) {
      this.#state.noteForgotten();
      return await this.#renew(inFlight, status);
    }
    return { lost: [], aborted: [], idleTimeout: this.#state.idleTimeout, hasPending: pending > 0 };
  }

  onEvent(listener: (event: QueueEvent) => void): () => void {
    const state = this.#state;
    const text = new TextDecoder();
    const notify = state.onEvent = (event) => {
      // Another worker may have another idle timeout, which only a renewal returns.
      if (event.kind === "joined" || event.kind === "connected") this.#heartbeats = heartbeatsPerRenewal;
      // While this worker was cut off, it could not see that others were active.
      if (event.kind === "connected") state.silence.reset();
      if (event.kind === "connected" || event.kind === "deaf") state.isDeaf = event.kind === "deaf";
      listener(event);
    };
    const unlisten = state.redis.listen(state.keys.wake, {
      message: (message) => notify(readEvent(text.decode(message))),
      subscribed: () => notify({ kind: "connected" }),
      failed: (reason) => notify({ kind: "deaf", reason }),
      isIdle: () => !state.isBusy,
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
    // Reads are closed first: one in progress could lease an entry after the worker has left.
    await this.#closeReads();
    const ids = ran.map(({ taskId }) => taskId);
    await groups.within(() => leave(redis, keys, options, workerId, ids));
  }

  /** @throws {StreaqError} When workers of streaQ for Python use the queue: every task of theirs would fail here. */
  async #refusePython(): Promise<void> {
    const { redis, keys } = this.#state;
    for (const key of [keys.pythonRunning, keys.pythonResults]) {
      if (await redis.command<number>(["EXISTS", key]) === 0) continue;
      const queue = keys.prefix.slice(keys.prefix.indexOf(":") + 1);
      throw new StreaqError(
        `Cannot join queue ${queue}: workers of streaQ for Python use it, as key ${key} shows, and a queue cannot be shared`,
      );
    }
  }

  async #renew(inFlight: readonly Delivery[], status: WorkerStatus): Promise<Renewal> {
    const { redis, keys, groups, options } = this.#state;
    this.#heartbeats = 0;
    const renewals = await Promise.all(
      inChunks(inFlight, deliveryLimit).map((chunk) => groups.within(() => renew(redis, keys, options, chunk, status))),
    );
    if (this.#hasJoined && !renewals[0]!.wasAlive) this.#state.noteForgotten();
    this.#hasJoined = true;
    this.#registered = showRegistered(status.versions);
    this.#state.adoptIdleTimeout(Math.max(...renewals.map(({ idleTimeout }) => idleTimeout)));
    this.#state.reportFanOuts(Math.max(...renewals.map(({ listed }) => listed)));
    const lost = renewals.flatMap(({ lost }) => lost);
    const aborted = renewals.flatMap(({ aborted }) => aborted);
    return { lost, aborted, idleTimeout: this.#state.idleTimeout, hasPending: false };
  }

  /** Sends a heartbeat; returns how many entries are pending, or -1 if the worker was not recorded as alive. */
  async #heartbeat(status: WorkerStatus): Promise<number> {
    const { redis, keys, groups, options } = this.#state;
    const isNewSummary = status.summary !== this.#summary;
    this.#summary = status.summary;
    // Every other heartbeat looks for fan-outs that a dead worker has left unfinished.
    const countsFanOuts = this.#heartbeats++ % 2 === 1;
    const flags = { isNewSummary, countsFanOuts };
    const [pending, listed] = await groups.within(() => heartbeat(redis, keys, options, status, flags));
    this.#state.reportFanOuts(listed);
    return pending;
  }
}

/** Reads a message of the wake channel; an unknown one counts as `released`, so that the worker looks. */
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
