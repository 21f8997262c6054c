import type { Inspecting } from "../../broker/contract/broker.ts";
import { checkId } from "../../base/id.ts";
import { type TolerantCodec, unknownRecord } from "../records/tolerant_codec.ts";
import { TaskStatus } from "./task_status.ts";

/** A task in a {@linkcode TaskGraph}. */
export interface TaskNode {
  /** The task's id. */
  readonly id: string;
  /** The name that it was enqueued under; `Unknown` for one whose result is gone. */
  readonly fnName: string;
  /** Where it is in its life. */
  readonly status: TaskStatus;
  /** Whether it succeeded; `null` as long as it has no result. */
  readonly success: boolean | null;
}

/** That one task waits for another, or has waited for it. */
export interface TaskEdge {
  /** The id of the task that comes first. */
  readonly from: string;
  /** The id of the task that waits for it. */
  readonly to: string;
}

/** Tasks with what waits for what, as data that can be drawn or sent on as it is. */
export interface TaskGraph {
  /** The task that was asked for, then those around it, the nearest first. */
  readonly nodes: readonly TaskNode[];
  /** The edges between these nodes. */
  readonly edges: readonly TaskEdge[];
  /** Whether there are no more tasks than these. */
  readonly isComplete: boolean;
}

/** What {@linkcode explore} needs of its queue. */
export interface ExploreOptions {
  readonly broker: Inspecting;
  readonly records: TolerantCodec;
}

/** How many tasks are listed at most. */
const mostNodes = 1000;
/** How many tasks are looked at in one go. */
const page = 50;

/** What is known of one task: itself, and its neighbours. */
interface Look {
  readonly node: TaskNode;
  readonly before: readonly string[];
  readonly behind: readonly string[];
}

/** Reads the graph around a task, going on from the nearest. */
export async function explore(id: string, limit: number, options: ExploreOptions): Promise<TaskGraph> {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > mostNodes) {
    throw new RangeError(`Invalid limit, expected a whole number from 1 to ${mostNodes}: ${limit}`);
  }
  /** All that was met, in order; what was looked at has a look. */
  const met = new Map<string, Look | undefined>([[checkId(id), undefined]]);
  const ahead = [id];
  while (ahead.length > 0) {
    const looks = await lookAt(ahead.splice(0, page), limit, options);
    for (const look of looks) {
      met.set(look.node.id, look);
      for (const neighbour of [...look.before, ...look.behind]) {
        if (met.has(neighbour) || met.size > limit) continue;
        met.set(neighbour, undefined);
        // One more than asked for is met, which tells that there are more.
        if (met.size <= limit) ahead.push(neighbour);
      }
    }
  }
  const looks = [...met.values()].filter((look) => look !== undefined);
  const isKnown = looks.length > 1 || looks[0]!.node.status !== TaskStatus.NotFound;
  const nodes = isKnown ? looks.map(({ node }) => node) : [];
  return { nodes, edges: edgesBetween(looks), isComplete: met.size <= limit };
}

async function lookAt(ids: readonly string[], limit: number, { broker, records }: ExploreOptions): Promise<Look[]> {
  const [found, results] = await Promise.all([
    Promise.all(ids.map((id) => broker.find(id, { relatives: limit }))),
    // Those that have ended by now have their results by now.
    broker.results(ids),
  ]);
  return ids.map((id, i): Look => {
    const open = found[i];
    const result = results[i];
    if (result) {
      const { fnName, success } = records.readResult(id, result);
      const node = { id, fnName, status: TaskStatus.Done, success };
      return { node, before: records.dependencies(id, result), behind: [] };
    }
    if (!open) {
      const { fnName } = unknownRecord;
      return { node: { id, fnName, status: TaskStatus.NotFound, success: null }, before: [], behind: [] };
    }
    const { fnName, dependencies } = records.read(id, open.data);
    return {
      node: { id, fnName, status: open.state, success: null },
      before: [...new Set([...dependencies, ...open.dependencies])],
      behind: open.dependents,
    };
  });
}

/** Each edge between the tasks once, whoever of the two knows of it. */
function edgesBetween(looks: readonly Look[]): TaskEdge[] {
  const ids = new Set(looks.map(({ node }) => node.id));
  const before = new Map<string, Set<string>>([...ids].map((id) => [id, new Set()]));
  for (const { node, ...look } of looks) {
    for (const id of look.before) before.get(node.id)!.add(id);
    for (const id of look.behind) before.get(id)?.add(node.id);
  }
  return [...before].flatMap(([to, froms]) => [...froms].filter((from) => ids.has(from)).map((from) => ({ from, to })));
}
