import { deferred } from "../../base/async.ts";
import type { Request } from "./request.ts";

/** Keeps requests from being published for a while. */
export interface Hold {
  /** Settles when they can be published; rejects if their arguments are invalid. */
  readonly ready: Promise<unknown>;
  /** To be called when they are published, or will not be. Safe to call repeatedly. */
  release(): void;
}

/** Requests that are held. */
interface Held {
  readonly ids: ReadonlySet<string>;
  readonly released: Promise<void>;
}

/**
 * Checks the arguments of requests before they are published, and holds those that wait for an asynchronous schema.
 * Requests that depend on held ones are held too: the store refuses a dependency that it has not received. As they wait
 * only for earlier ones, no two of them wait for each other.
 */
export class Holds {
  readonly #held = new Set<Held>();

  /**
   * Holds a request, together with its pipeline; returns `undefined` if it can be published at once.
   *
   * @throws {StreaqError} When its arguments are invalid.
   */
  hold(request: Request<unknown>): Hold | undefined {
    const checking = request.draft.check();
    // Most requests have no reason, and are spared the list.
    if (!checking && this.#held.size === 0) return undefined;
    const reasons = this.#earlier(request);
    if (checking) reasons.push(checking);
    return reasons.length === 0 ? undefined : this.#add([request], reasons);
  }

  /**
   * Holds requests; returns `undefined` if all can be published at once.
   *
   * @throws {StreaqError} When the arguments of one are invalid.
   */
  holdAll(requests: readonly Request<unknown>[]): Hold | undefined {
    const reasons: Promise<unknown>[] = [];
    try {
      for (const request of requests) {
        const checking = request.draft.check();
        if (checking) reasons.push(checking);
      }
    } catch (error) {
      // All are refused; the outcome of the other checks does not matter any more.
      for (const checking of reasons) checking.catch(() => {});
      throw error;
    }
    if (this.#held.size > 0) {
      for (const request of requests) reasons.push(...this.#earlier(request));
    }
    return reasons.length === 0 ? undefined : this.#add(requests, reasons);
  }

  /** The releases of held requests that a request depends on. */
  #earlier({ condition: { after } }: Request<unknown>): Promise<unknown>[] {
    if (!after) return [];
    return [...this.#held].filter(({ ids }) => after.some((id) => ids.has(id))).map(({ released }) => released);
  }

  #add(requests: readonly Request<unknown>[], reasons: readonly Promise<unknown>[]): Hold {
    const { promise: released, resolve } = deferred<void>();
    const ids = new Set(requests.flatMap(({ pipeline }) => pipeline.map(({ taskId }) => taskId)));
    const held = { ids, released };
    this.#held.add(held);
    const release = () => {
      this.#held.delete(held);
      resolve();
    };
    return { ready: Promise.all(reasons), release };
  }
}
