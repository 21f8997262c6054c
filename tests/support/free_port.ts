import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** The only address on which tests listen and to which they connect. */
export const HOST = "127.0.0.1";

/**
 * Finds a free port.
 *
 * It lies below the ports of outgoing connections (32768 and up), so that none of them takes it while a server restarts,
 * and far enough below 65536 for the bus of a cluster node (port + 10000).
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

/** Listens on a free port, and returns the port. */
export async function listenOnFreePort(server: Server): Promise<number> {
  let port = await findFreePort();
  while (!await listens(server, port)) port = await findFreePort();
  return port;
}

/** Listens on a port; returns `false` when the port is taken. */
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
