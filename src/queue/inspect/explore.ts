import { checkId } from "../../base/id.ts";
import type { Inspecting } from "../../broker/contract/broker.ts";
import { type TolerantCodec, unknownRecord } from "../records/tolerant_codec.ts";
import { checkLimit } from "../../base/check_limit.ts";
import type { TaskEdge, TaskGraph, TaskNode } from "./task_graph.ts";
import { TaskStatus } from "./task_status.ts";

/** Options of {@linkcode explore}. */
export interface ExploreOptions {
  readonly broker: Inspecting;
  readonly records: TolerantCodec;
}

/** How many tasks a graph has at most. */
const maxNodes = 1000;
/** How many tasks are read at once. */
const page = 50;

/** A task and its neighbours. */
interface Visit {
  readonly node: TaskNode;
  readonly dependencies: readonly string[];
  readonly dependents: readonly string[];
}

/**
 * Reads the graph around a task, nearest tasks first.
 *
 * @param limit How many tasks to return at most.
 * @throws {RangeError} When `limit` is not an integer from 1 to 1,000.
 * @throws {StreaqError} When the id is invalid.
 */
export async function explore(id: string, limit: number, options: ExploreOptions): Promise<TaskGraph> {
  checkLimit(limit, maxNodes);
  /** Every task found, in order; `undefined` until it is visited. */
  const found = new Map<string, Visit | undefined>([[checkId(id), undefined]]);
  const ahead = [id];
  while (ahead.length > 0) {
    for (const visit of await visitAll(ahead.splice(0, page), limit, options)) {
      found.set(visit.node.id, visit);
      for (const neighbour of [...visit.dependencies, ...visit.dependents]) {
        if (found.has(neighbour) || found.size > limit) continue;
        found.set(neighbour, undefined);
        // One task beyond the limit is found but not visited: it shows that there are more.
        if (found.size <= limit) ahead.push(neighbour);
      }
    }
  }
  const visits = [...found.values()].filter((visit) => visit !== undefined);
  const exists = visits.length > 1 || visits[0]!.node.status !== TaskStatus.NotFound;
  const nodes = exists ? visits.map(({ node }) => node) : [];
  return { nodes, edges: edgesBetween(visits), isComplete: found.size <= limit };
}

async function visitAll(ids: readonly string[], limit: number, { broker, records }: ExploreOptions): Promise<Visit[]> {
  const [found, results] = await Promise.all([
    Promise.all(ids.map((id) => broker.find(id, { relatives: limit }))),
    // Read after the tasks: a task that finishes meanwhile has its result by then.
    broker.results(ids),
  ]);
  return ids.map((id, i): Visit => {
    const open = found[i];
    const result = results[i];
    if (result) {
      const { fnName, success } = records.readResult(id, result);
      const node = { id, fnName, status: TaskStatus.Done, success };
      return { node, dependencies: records.dependencies(id, result), dependents: [] };
    }
    if (!open) {
      const { fnName } = unknownRecord;
      const node = { id, fnName, status: TaskStatus.NotFound, success: null };
      return { node, dependencies: [], dependents: [] };
    }
    const { fnName, dependencies } = records.read(id, open.data);
    return {
      node: { id, fnName, status: open.state, success: null },
      dependencies: [...new Set([...dependencies, ...open.dependencies])],
      dependents: open.dependents,
    };
  });
}

/** The edges between visited tasks, each once, although both of its tasks may list it. */
function edgesBetween(visits: readonly Visit[]): TaskEdge[] {
  const ids = new Set(visits.map(({ node }) => node.id));
  const sources = new Map<string, Set<string>>([...ids].map((id) => [id, new Set()]));
  for (const { node, dependencies, dependents } of visits) {
    for (const id of dependencies) sources.get(node.id)!.add(id);
    for (const id of dependents) sources.get(id)?.add(node.id);
  }
  return [...sources].flatMap(([to, froms]) => {
    return [...froms].filter((from) => ids.has(from)).map((from) => ({ from, to }));
  });
}
