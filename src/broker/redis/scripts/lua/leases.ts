import { lua } from "../../keys.ts";
import type { Argument } from "../../../../resp/reply.ts";
import type { Delivery } from "../../../contract/delivery.ts";

/** How many deliveries one call takes; with the six values of an ending this stays below what Lua can unpack. */
export const deliveryLimit = 500;

/** How many deliveries are started in one call: their records, which Lua copies, may be large. */
export const startLimit = 50;

/**
 * Lua that the scripts about deliveries begin with. Their ARGV are the group, the consumer and what else each takes;
 * then for each stream: priority, lowest and highest entry id, number of rows, and the rows. A row begins with the entry
 * id, the number of deliveries and the task id.
 */
export const leases = `
local prefix, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local running = ${lua.running}

-- Calls visit(stream, i, priority) for each row, ARGV[i] being its first value; before(stream, low, high) for each stream.
local function deliveries(first, width, before, visit)
  local i = first
  while ARGV[i] do
    local stream, past = ${lua.stream("ARGV[i]")}, i + 4 + ARGV[i + 3] * width
    before(stream, ARGV[i + 1], ARGV[i + 2])
    for row = i + 4, past - 1, width do visit(stream, row, ARGV[i]) end
    i = past
  end
end

-- What the consumer has pending between two ids: entry id to number of deliveries.
-- XPENDING wants a limit; a consumer never holds as many as this one.
local function pending(stream, low, high)
  local held = {}
  for _, entry in ipairs(redis.call('XPENDING', stream, group, low, high, 100000, consumer)) do
    held[entry[1]] = entry[4]
  end
  return held
end
`;

/** Rows for {@linkcode leases}, and for each row the place in `items` that it came from. */
export interface LeaseRows {
  readonly args: Argument[];
  readonly places: number[];
}

/** Sorts `items` by stream, as {@linkcode leases} reads them; `rest` adds what a row has beside its lease. */
export function leaseRows<T>(
  items: readonly T[],
  lease: (item: T) => Delivery,
  rest?: (args: Argument[], item: T) => void,
): LeaseRows {
  const streams = new Map<string, number[]>();
  for (let i = 0; i < items.length; i++) {
    const { priority } = lease(items[i]!);
    const places = streams.get(priority);
    if (places) places.push(i);
    else streams.set(priority, [i]);
  }
  const rows: LeaseRows = { args: [], places: [] };
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

/** Whether one entry id, `<milliseconds>-<sequence>`, is smaller than another. */
export function isBefore(a: string, b: string): boolean {
  const [dashA, dashB] = [a.indexOf("-"), b.indexOf("-")];
  if (dashA === dashB && a.length === b.length) return a < b;
  const difference = Number(a.slice(0, dashA)) - Number(b.slice(0, dashB));
  return difference < 0 || (difference === 0 && Number(a.slice(dashA + 1)) < Number(b.slice(dashB + 1)));
}
