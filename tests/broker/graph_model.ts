/** A plain model, without a server, of tasks that depend on each other. */

/** A stored task. */
export interface ModelTask {
  readonly id: string;
  readonly priority: string;
  /** The task that it is piped into. */
  readonly next: string | undefined;
  place: "waiting" | "queued" | "leased" | "finished";
  result: string | undefined;
  success: boolean;
  /** If it has failed: the task that failed first. */
  root: string;
}

/** State of a dependency. */
export type DependencyState =
  | { readonly kind: "unknown" | "open" | "done" }
  | { readonly kind: "unread" }
  | { readonly kind: "failed"; readonly root: string };

/** Tasks and their dependencies. */
export class GraphModel {
  readonly tasks = new Map<string, ModelTask>();
  /** Dependencies of each waiting task, and of each task whose dependencies are still being stored. */
  readonly dependencies = new Map<string, Set<string>>();
  /** Dependents of each unfinished task; some may no longer wait. */
  readonly dependents = new Map<string, Set<string>>();
  /** The token of each task whose dependencies are still being stored. */
  readonly gathering = new Map<string, string>();
  /** Listed fan-outs: outcome of a finished task, and its dependents that are still to be released or failed. */
  readonly listed = new Map<string, { readonly outcome: string; readonly ids: Set<string> }>();
  /** Finished tasks with a completion mark, which makes reading the result unnecessary. */
  readonly marked = new Set<string>();

  /** @param isRead Whether the verdict is passed. */
  dependencyState(id: string, isRead: boolean): DependencyState {
    const task = this.tasks.get(id);
    if (!task) return { kind: "unknown" };
    if (task.place !== "finished") return { kind: "open" };
    if (!isRead && !this.marked.has(id)) return { kind: "unread" };
    return task.success ? { kind: "done" } : { kind: "failed", root: task.root };
  }

  /** Stores a task with its dependencies; `token` if they are stored already. */
  link(id: string, priority: string, after: readonly string[], options: { next?: string; token?: string }): void {
    if (options.token === undefined) this.dependencies.delete(id);
    for (const dependency of after) {
      if (this.dependencyState(dependency, true).kind === "open") this.#connect(id, dependency);
    }
    const isWaiting = this.dependencies.has(id);
    this.gathering.delete(id);
    const place = isWaiting ? "waiting" : "queued";
    this.tasks.set(id, { id, priority, next: options.next, place, result: undefined, success: false, root: id });
  }

  /** Stores a task that fails at once with a dependency. */
  storeFailed(id: string, priority: string, root: string, result: string): void {
    this.stopWaiting(id);
    this.gathering.delete(id);
    this.tasks.set(id, { id, priority, next: undefined, place: "finished", result, success: false, root });
    this.marked.add(id);
  }

  /** Stores dependencies of a task that is not stored yet; returns the obstacle. */
  gather(
    id: string,
    token: string,
    after: readonly string[],
    options: { isFirst: boolean; isRead: boolean },
  ): string[] {
    const task = this.tasks.get(id);
    if (task) return [task.place === "finished" ? "done" : "exists"];
    const isOwn = this.gathering.get(id) === token;
    if (!options.isFirst && !isOwn) return ["changed"];
    const [open, unread]: string[][] = [[], []];
    for (const dependency of after) {
      const state = this.dependencyState(dependency, options.isRead);
      if (state.kind === "unknown") {
        if (isOwn) this.stopWaiting(id);
        return ["unknown", dependency];
      }
      if (state.kind === "failed") return ["failed", state.root];
      if (state.kind === "unread") unread!.push(dependency);
      if (state.kind === "open") open!.push(dependency);
    }
    this.gathering.set(id, token);
    if (!isOwn) this.dependencies.delete(id);
    for (const dependency of open!) this.#connect(id, dependency);
    return unread!.length > 0 ? ["unread", ...unread!] : [];
  }

  /** Finishes a task by its own run, or by an abort. */
  finish(id: string, success: boolean, result: string, options: { isMarked: boolean }): void {
    const task = this.tasks.get(id)!;
    if (options.isMarked) this.stopWaiting(id);
    Object.assign(task, { place: "finished", success, result, root: id });
    if (options.isMarked) this.marked.add(id);
    const dependents = this.dependents.get(id);
    if (!dependents) return;
    if (success && dependents.size <= 500) {
      this.dependents.delete(id);
      for (const dependent of dependents) this.removeDependency(dependent, id);
    } else {
      this.#list(id, success ? "1" : `0 ${id}`);
    }
  }

  /** Fails a task with a dependency, if it still waits for that one; returns whether it did. */
  fail(id: string, dependency: string, result: string): boolean {
    const list = this.listed.get(dependency);
    if (!list?.ids.delete(id) || !this.isWaitingFor(id, dependency)) return false;
    const root = list.outcome.slice(2);
    this.stopWaiting(id);
    Object.assign(this.tasks.get(id)!, { place: "finished", result, root });
    this.marked.add(id);
    if (this.dependents.has(id)) this.#list(id, `0 ${root}`);
    return true;
  }

  /** Whether a task waits for a dependency; one whose dependencies are still being stored stops waiting. */
  isWaitingFor(id: string, dependency: string): boolean {
    if (!this.dependencies.get(id)?.has(dependency)) return false;
    const task = this.tasks.get(id);
    if (task?.place === "waiting") return true;
    if (this.gathering.has(id)) this.stopWaiting(id);
    return false;
  }

  /** Removes a dependency that has succeeded. */
  removeDependency(id: string, dependency: string): void {
    const dependencies = this.dependencies.get(id);
    if (!dependencies?.delete(dependency) || dependencies.size > 0) return;
    this.dependencies.delete(id);
    const task = this.tasks.get(id);
    if (task?.place === "waiting") task.place = "queued";
  }

  /** Removes all dependencies of a task. */
  stopWaiting(id: string): void {
    if (this.tasks.get(id)?.place !== "waiting" && !this.gathering.has(id)) return;
    this.gathering.delete(id);
    for (const dependency of this.dependencies.get(id) ?? []) {
      const dependents = this.dependents.get(dependency);
      dependents?.delete(id);
      if (dependents?.size === 0) this.dependents.delete(dependency);
    }
    this.dependencies.delete(id);
  }

  /** The state of a task. */
  stateOf(id: string): string {
    const place = this.tasks.get(id)?.place;
    if (place === undefined) return "missing";
    if (place === "finished") return "done";
    if (place === "leased") return "running";
    return place === "waiting" ? "scheduled" : "queued";
  }

  #connect(id: string, dependency: string): void {
    add(this.dependencies, id, dependency);
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
