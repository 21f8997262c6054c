import type { Argument } from "../../../../resp/reply.ts";
import type { Delivery } from "../../../contract/delivery.ts";
import { isBefore } from "./entry_id.ts";

/** Maximum number of deliveries in one call: Lua unpacks a value for each, and can unpack no more than a few thousand. */
export const deliveryLimit = 500;

/** Arguments about leases, as `leaseFunctions` read them. */
export interface LeaseArgs {
  readonly args: Argument[];
  /** For each row the index of its item: rows are grouped by stream. */
  readonly indexes: number[];
}

/** Groups items by stream; `rest` adds the arguments that a row has besides its lease. */
export function leaseArgs<T>(
  items: readonly T[],
  leaseOf: (item: T) => Delivery,
  rest?: (args: Argument[], item: T) => void,
): LeaseArgs {
  const indexesByPriority = new Map<string, number[]>();
  for (let i = 0; i < items.length; i++) {
    const { priority } = leaseOf(items[i]!);
    const indexes = indexesByPriority.get(priority);
    if (indexes) indexes.push(i);
    else indexesByPriority.set(priority, [i]);
  }
  const rows: LeaseArgs = { args: [], indexes: [] };
  for (const [priority, indexes] of indexesByPriority) {
    const [low, high] = range(indexes.map((index) => leaseOf(items[index]!).entryId));
    rows.args.push(priority, low, high, indexes.length);
    for (const index of indexes) {
      const item = items[index]!;
      const { entryId, deliveries, taskId } = leaseOf(item);
      rows.args.push(entryId, deliveries, taskId);
      rest?.(rows.args, item);
      rows.indexes.push(index);
    }
  }
  return rows;
}

/** Puts answers, which come in the order of rows, in the order of items. */
export function inItemOrder<T>({ indexes }: LeaseArgs, answers: readonly T[]): T[] {
  const ordered = new Array<T>(indexes.length);
  indexes.forEach((index, row) => ordered[index] = answers[row]!);
  return ordered;
}

function range(ids: readonly string[]): [low: string, high: string] {
  let [low, high] = [ids[0]!, ids[0]!];
  for (const id of ids) {
    if (isBefore(id, low)) low = id;
    else if (isBefore(high, id)) high = id;
  }
  return [low, high];
}
