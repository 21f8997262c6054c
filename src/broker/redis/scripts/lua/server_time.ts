/** Lua that reads the server's clock: `now` is the time in Unix milliseconds. */
export const serverTime: string = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`.trim();
