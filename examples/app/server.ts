/**
 * An HTTP server that enqueues tasks, and a worker that runs them, in one process:
 * `curl --data "to be or not to be" http://localhost:8000`. Both shut down on SIGTERM and SIGINT.
 */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import process from "node:process";
import { worker } from "./main.ts";
import { countWords } from "./words.ts";

const server = createServer(async (request, response) => {
  try {
    const task = await countWords.enqueue(await text(request), "ada@example.org");
    response.end(`${task.id}\n`);
  } catch (error) {
    console.error(error);
    response.writeHead(503).end("The queue is not available\n");
  }
});
server.listen(Number(process.env.PORT ?? 8000), () => console.log("listening"));

// Accept no more requests, and answer those that are under way.
process.once("SIGTERM", () => server.close());
process.once("SIGINT", () => server.close());

await worker.run(); // Listens for the same signals, and resolves when the worker has shut down.
