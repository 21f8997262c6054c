import type { TaskStatus } from "./task_status.ts";

/** A task in a {@linkcode TaskGraph}. */
export interface TaskNode {
  /** The id of the task. */
  readonly id: string;
  /** The name under which it was enqueued; `Unknown` when its record is gone or cannot be read. */
  readonly fnName: string;
  /** The status of the task. */
  readonly status: TaskStatus;
  /** Whether it succeeded; `null` while it has no result. */
  readonly success: boolean | null;
}

/** A dependency between two tasks: one waits for the other, or has waited for it. */
export interface TaskEdge {
  /** The id of the dependency. */
  readonly from: string;
  /** The id of the dependent. */
  readonly to: string;
}

/**
 * Tasks and their dependencies, as plain data.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 *
 * const worker = new Worker();
 * const { nodes, edges } = await worker.graph("order-17");
 *
 * const lines = nodes.map(({ id, fnName, status }) => `  ${JSON.stringify(id)} [label="${fnName}: ${status}"]`);
 * for (const { from, to } of edges) lines.push(`  ${JSON.stringify(from)} -> ${JSON.stringify(to)}`);
 * console.log(`digraph {\n${lines.join("\n")}\n}`); // For Graphviz.
 * await worker.close();
 * ```
 */
export interface TaskGraph {
  /** The requested task, followed by those around it, the nearest first. */
  readonly nodes: readonly TaskNode[];
  /** The edges between these nodes. */
  readonly edges: readonly TaskEdge[];
  /** Whether the nodes are all tasks of the graph. */
  readonly isComplete: boolean;
}
