/** A plain model, without a server, of tasks that depend on each other. */
import type { Revived } from "../../src/broker/contract/failures.ts";

/** A stored task. */
export interface ModelTask {
  readonly id: string;
  readonly priority: string;
  /** The task that it is piped into. */
  readonly next: string | undefined;
  /** The tasks that it depends on. */
  readonly after: readonly string[];
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

/** A failure that is kept. */
export interface ModelFailure {
  /** The task that failed first, and the dependency because of which the task cannot run; both empty if it failed itself. */
  readonly root: string;
  blocker: string;
}

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
  readonly kept = new Map<string, ModelFailure>();
  /** For a failed task, those that come back with it. */
  readonly companions = new Map<string, Set<string>>();

  /** @param isRead Whether the verdict is passed. */
  dependencyState(id: string, isRead: boolean): DependencyState {
    const task = this.tasks.get(id);
    if (!task) return { kind: "unknown" };
    if (task.place !== "finished") return { kind: "open" };
    if (!isRead && !this.marked.has(id)) return { kind: "unread" };
    return task.success ? { kind: "done" } : { kind: "failed", root: task.root };
  }

  /** Stores a task with its dependencies; `token` if they are stored already. */
  link(
    id: string,
    priority: string,
    after: readonly string[],
    options: { next?: string; token?: string; gathered?: readonly string[] },
  ): void {
    if (options.token === undefined) this.dependencies.delete(id);
    for (const dependency of after) {
      if (this.dependencyState(dependency, true).kind === "open") this.#connect(id, dependency);
    }
    const isWaiting = this.dependencies.has(id);
    this.gathering.delete(id);
    const place = isWaiting ? "waiting" : "queued";
    const task = { id, priority, next: options.next, after: options.gathered ?? after, place } as const;
    this.tasks.set(id, { ...task, result: undefined, success: false, root: id });
  }

  /** Stores a task that fails at once with a dependency. */
  storeFailed(
    task: Pick<ModelTask, "id" | "priority" | "next" | "after">,
    { root, blocker, result }: { root: string; blocker: string; result: string },
  ): void {
    const { id } = task;
    this.stopWaiting(id);
    this.gathering.delete(id);
    this.tasks.set(id, { ...task, place: "finished", result, success: false, root });
    this.marked.add(id);
    if (this.kept.has(root)) this.#keep(id, { root, blocker });
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
  finish(id: string, success: boolean, result: string, options: { isMarked: boolean; isKept?: boolean }): void {
    const task = this.tasks.get(id)!;
    if (options.isMarked) this.stopWaiting(id);
    Object.assign(task, { place: "finished", success, result, root: id });
    if (options.isMarked) this.marked.add(id);
    if (options.isKept) this.#keep(id, { root: "", blocker: "" });
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
    if (this.kept.has(root)) this.#keep(id, { root, blocker: dependency });
    if (this.dependents.has(id)) this.#list(id, `0 ${root}`);
    return true;
  }

  /** Queues a failed task again; returns the answer. */
  revive(id: string): Revived {
    const task = this.tasks.get(id);
    if (task && task.place !== "finished") return "exists";
    const failure = this.kept.get(id);
    if (!task || !failure) return "missing";
    const obstacle = this.#obstacleTo(task);
    if (obstacle !== undefined) {
      if (this.kept.has(obstacle)) {
        failure.blocker = obstacle;
        add(this.companions, obstacle, id);
      }
      return "blocked";
    }
    this.drop(id);
    this.marked.delete(id);
    const listed = this.listed.get(id);
    if (listed) this.dependents.set(id, listed.ids);
    this.listed.delete(id);
    for (const dependency of task.after) {
      if (this.tasks.get(dependency)!.place !== "finished") this.#connect(id, dependency);
    }
    const place = this.dependencies.has(id) ? "waiting" : "queued";
    Object.assign(task, { place, result: undefined, root: id });
    return "queued";
  }

  /** Drops a kept failure; returns whether there was one. */
  drop(id: string): boolean {
    const failure = this.kept.get(id);
    if (!failure) return false;
    this.kept.delete(id);
    for (const failed of [failure.root, failure.blocker]) {
      const companions = this.companions.get(failed);
      companions?.delete(id);
      if (companions?.size === 0) this.companions.delete(failed);
    }
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

  /** The dependency because of which a task cannot run. Those whose result need not be read are found first. */
  #obstacleTo({ after }: ModelTask): string | undefined {
    const failed = after.filter((id) => this.dependencyState(id, true).kind === "failed");
    return failed.find((id) => this.marked.has(id) || this.kept.has(id)) ?? failed[0];
  }

  #keep(id: string, failure: ModelFailure): void {
    this.kept.set(id, failure);
    if (failure.root !== "") add(this.companions, failure.root, id);
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
