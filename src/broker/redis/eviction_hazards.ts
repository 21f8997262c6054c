/**
 * Returns warnings if a server may evict keys when its memory is full, which loses tasks.
 *
 * @param info The server's reply to `INFO memory`. A policy that it does not contain counts as safe.
 */
export function evictionHazards(info: string): readonly string[] {
  const field = (name: string): string | undefined => new RegExp(`^${name}:([^\\r\\n]*)`, "m").exec(info)?.[1];
  const policy = field("maxmemory_policy");
  // Without a limit, memory is never full.
  if (policy === undefined || policy === "noeviction" || field("maxmemory") === "0") return [];
  return [
    "Redis deletes keys of the queue when its memory is full, and loses tasks, results and locks: " +
    `expected maxmemory-policy noeviction, got ${policy}`,
  ];
}
