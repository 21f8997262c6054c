import type { Argument } from "../../../../resp/reply.ts";
import type { Delivery } from "../../../contract/delivery.ts";
import { isBefore } from "./entry_id.ts";

/** How many deliveries one call takes; with the six values of an ending this stays below what Lua can unpack. */
export const deliveryLimit = 500;

/** Rows for `leaseFunctions`, and for each row the place in `items` that it came from. */
export interface LeaseArgs {
  readonly args: Argument[];
  readonly places: number[];
}

/** Sorts `items` by stream, as `leaseFunctions` reads them; `rest` adds what a row has beside its lease. */
export function leaseArgs<T>(
  items: readonly T[],
  lease: (item: T) => Delivery,
  rest?: (args: Argument[], item: T) => void,
): LeaseArgs {
  const streams = new Map<string, number[]>();
  for (let i = 0; i < items.length; i++) {
    const { priority } = lease(items[i]!);
    const places = streams.get(priority);
    if (places) places.push(i);
    else streams.set(priority, [i]);
  }
  const rows: LeaseArgs = { args: [], places: [] };
  for (const [priority, places] of streams) {
    const [low, high] = range(places.map((place) => lease(items[place]!).entryId));
    rows.args.push(priority, low, high, places.length);
    for (const place of places) {
      const item = items[place]!;
      const { entryId, deliveries, taskId } = lease(item);
      rows.args.push(entryId, deliveries, taskId);
      rest?.(rows.args, item);
      rows.places.push(place);
    }
  }
  return rows;
}

function range(ids: readonly string[]): [low: string, high: string] {
  let [low, high] = [ids[0]!, ids[0]!];
  for (const id of ids) {
    if (isBefore(id, low)) low = id;
    else if (isBefore(high, id)) high = id;
  }
  return [low, high];
}
