/** What should become of tasks that depend on each other: a plain model, without a server. */

/** A task that is stored. */
export interface ModelTask {
  readonly id: string;
  readonly priority: string;
  /** What it is piped into. */
  readonly next: string | undefined;
  place: "waiting" | "queued" | "leased" | "ended";
  result: string | undefined;
  success: boolean;
  /** Where it has failed, the task to blame. */
  root: string;
}

/** How a dependency stands. */
export type Standing =
  | { readonly kind: "unknown" | "open" | "done" }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly root: string };

/** The edges, notes and ends of tasks. */
export class GraphModel {
  readonly tasks = new Map<string, ModelTask>();
  /** What each waits for, those included whose edges are still being stored. */
  readonly edges = new Map<string, Set<string>>();
  /** Who is told when a task ends; also of those who wait no longer. */
  readonly dependents = new Map<string, Set<string>>();
  /** Whose edges are being stored: the token. */
  readonly gathering = new Map<string, string>();
  /** Who is still to be told of tasks that have ended, and with what. */
  readonly listed = new Map<string, { readonly outcome: string; readonly ids: Set<string> }>();
  /** Tasks whose end is marked with whom to blame, so that nobody has to read the result. */
  readonly marked = new Set<string>();

  /** @param isRead Whether the results of those that have ended are known. */
  standing(id: string, isRead: boolean): Standing {
    const task = this.tasks.get(id);
    if (!task) return { kind: "unknown" };
    if (task.place !== "ended") return { kind: "open" };
    if (!isRead && !this.marked.has(id)) return { kind: "ended" };
    return task.success ? { kind: "done" } : { kind: "failed", root: task.root };
  }

  /** Stores a task with what it waits for; `token` where its edges are there already. */
  link(id: string, priority: string, after: readonly string[], options: { next?: string; token?: string }): void {
    if (options.token === undefined) this.edges.delete(id);
    for (const dependency of after) {
      if (this.standing(dependency, true).kind === "open") this.#connect(id, dependency);
    }
    const isWaiting = this.edges.has(id);
    this.gathering.delete(id);
    const place = isWaiting ? "waiting" : "queued";
    this.tasks.set(id, { id, priority, next: options.next, place, result: undefined, success: false, root: id });
  }

  /** Stores a task that has failed before it could wait. */
  refuse(id: string, priority: string, root: string, result: string): void {
    this.stopWaiting(id);
    this.gathering.delete(id);
    this.tasks.set(id, { id, priority, next: undefined, place: "ended", result, success: false, root });
    this.marked.add(id);
  }

  /** Stores edges of a task that is not there yet; answers what is in the way. */
  gather(
    id: string,
    token: string,
    after: readonly string[],
    options: { isFirst: boolean; isRead: boolean },
  ): string[] {
    const task = this.tasks.get(id);
    if (task) return [task.place === "ended" ? "done" : "exists"];
    const isOwn = this.gathering.get(id) === token;
    if (!options.isFirst && !isOwn) return ["changed"];
    const [open, unread]: string[][] = [[], []];
    for (const dependency of after) {
      const standing = this.standing(dependency, options.isRead);
      if (standing.kind === "unknown") {
        if (isOwn) this.stopWaiting(id);
        return ["unknown", dependency];
      }
      if (standing.kind === "failed") return ["failed", standing.root];
      if (standing.kind === "ended") unread!.push(dependency);
      if (standing.kind === "open") open!.push(dependency);
    }
    this.gathering.set(id, token);
    if (!isOwn) this.edges.delete(id);
    for (const dependency of open!) this.#connect(id, dependency);
    return unread!.length > 0 ? ["ended", ...unread!] : [];
  }

  /** Ends a task by its own run, or from outside. */
  end(id: string, success: boolean, result: string, options: { isMarked: boolean }): void {
    const task = this.tasks.get(id)!;
    if (options.isMarked) this.stopWaiting(id);
    Object.assign(task, { place: "ended", success, result, root: id });
    if (options.isMarked) this.marked.add(id);
    const waiters = this.dependents.get(id);
    if (!waiters) return;
    if (success && waiters.size <= 500) {
      this.dependents.delete(id);
      for (const waiter of waiters) this.satisfy(waiter, id);
    } else {
      this.#list(id, success ? "1" : `0 ${id}`);
    }
  }

  /** Fails a task with another one, if it still waits for that; answers whether it did. */
  fail(id: string, dependency: string, result: string): boolean {
    const list = this.listed.get(dependency);
    if (!list?.ids.delete(id) || !this.isDoomed(id, dependency)) return false;
    const root = list.outcome.slice(2);
    this.stopWaiting(id);
    Object.assign(this.tasks.get(id)!, { place: "ended", result, root });
    this.marked.add(id);
    if (this.dependents.has(id)) this.#list(id, `0 ${root}`);
    return true;
  }

  /** Whether a task is to fail with another one; one whose edges are still being stored begins anew. */
  isDoomed(id: string, dependency: string): boolean {
    if (!this.edges.get(id)?.has(dependency)) return false;
    const task = this.tasks.get(id);
    if (task?.place === "waiting") return true;
    if (this.gathering.has(id)) this.stopWaiting(id);
    return false;
  }

  /** Notes that one of those that a task waits for has succeeded. */
  satisfy(id: string, dependency: string): void {
    const edges = this.edges.get(id);
    if (!edges?.delete(dependency) || edges.size > 0) return;
    this.edges.delete(id);
    const task = this.tasks.get(id);
    if (task?.place === "waiting") task.place = "queued";
  }

  /** Lets a task wait for no other any more. */
  stopWaiting(id: string): void {
    if (this.tasks.get(id)?.place !== "waiting" && !this.gathering.has(id)) return;
    this.gathering.delete(id);
    for (const dependency of this.edges.get(id) ?? []) {
      const waiters = this.dependents.get(dependency);
      waiters?.delete(id);
      if (waiters?.size === 0) this.dependents.delete(dependency);
    }
    this.edges.delete(id);
  }

  /** Where a task is in its life, as it is told. */
  stateOf(id: string): string {
    const place = this.tasks.get(id)?.place;
    if (place === undefined) return "missing";
    if (place === "ended") return "done";
    if (place === "leased") return "running";
    return place === "waiting" ? "scheduled" : "queued";
  }

  #connect(id: string, dependency: string): void {
    add(this.edges, id, dependency);
    add(this.dependents, dependency, id);
  }

  #list(id: string, outcome: string): void {
    this.listed.set(id, { outcome, ids: this.dependents.get(id)! });
    this.dependents.delete(id);
  }
}

/** Adds to the set under a key. */
export function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}
