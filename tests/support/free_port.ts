import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** The only address that tests listen on and connect to. */
export const HOST = "127.0.0.1";

/**
 * Finds a port that nobody listens on.
 *
 * It lies below what systems give to outgoing connections (32768 and up), so that nobody gets it by chance while a server
 * restarts, and far enough below 65536 for the bus of a cluster node (port + 10000).
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    if (!await listens(server, port)) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Listens on a free port, which it returns. */
export async function listenOnFreePort(server: Server): Promise<number> {
  let port = await findFreePort();
  while (!await listens(server, port)) port = await findFreePort();
  return port;
}

/** Resolves to whether `server` listens now; `false` when the port is taken. */
async function listens(server: Server, port: number): Promise<boolean> {
  try {
    server.listen(port, HOST);
    await once(server, "listening");
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EADDRINUSE") return false;
    throw error;
  }
}
