/** Splits the URL of a server into the options that clients take. */
export function addressOf(redisUrl: string): { host: string; port: number } {
  const { hostname, port } = new URL(redisUrl);
  return { host: hostname, port: Number(port) };
}
