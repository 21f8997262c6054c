import type { RedisClient } from "../../src/redis/mod.ts";

/** Reflected polynomial of the CRC-64 at the end of a dump. */
const polynomial = 0x95ac9329ac4bc9b5n;

/**
 * Moves the last activity of all consumers of a stream by so many milliseconds into the future, where it is after the
 * server's clock was set back by as much.
 */
export async function setBack(redis: RedisClient, stream: string, ms: number): Promise<void> {
  const dump = (await redis.command<Uint8Array | null>(["DUMP", stream], { binary: true }))!;
  const view = new DataView(dump.buffer, dump.byteOffset, dump.byteLength);
  for (const time of await activeTimes(redis, stream)) {
    let count = 0;
    for (let at = 0; at + 8 <= dump.length; at++) {
      if (view.getBigInt64(at, true) !== BigInt(time)) continue;
      view.setBigInt64(at, BigInt(time + ms), true);
      count++;
    }
    if (count === 0) throw new Error(`Cannot find time ${time} in the dump of ${stream}`);
  }
  view.setBigUint64(dump.length - 8, checksum(dump.subarray(0, -8)), true);
  await redis.command(["RESTORE", stream, 0, dump, "REPLACE"]);
}

async function activeTimes(redis: RedisClient, stream: string): Promise<Set<number>> {
  const script = `
    local function fieldsOf(list)
      local fields = {}
      for n = 1, #list, 2 do fields[list[n]] = list[n + 1] end
      return fields
    end
    local times = {}
    for _, group in ipairs(fieldsOf(redis.call('XINFO', 'STREAM', KEYS[1], 'FULL')).groups) do
      for _, consumer in ipairs(fieldsOf(group).consumers) do times[#times + 1] = fieldsOf(consumer)['seen-time'] end
    end
    return times`;
  return new Set(await redis.command<number[]>(["EVAL", script, 1, stream]));
}

function checksum(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
  }
  return crc;
}
