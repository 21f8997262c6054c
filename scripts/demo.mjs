/**
 * Counts the words in the files of this repository, with two worker processes and a producer: `npm run demo`.
 *
 * It requires git and Node only. It uses the Redis server of REDIS_URL, or one on localhost:6379, and removes its keys
 * at the end. Without a server, it runs in one process, with a queue in memory.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { ROOT } from "./runtimes.mjs";
import { installPackages } from "./setup.mjs";

const LOCAL = "redis://localhost:6379";
const WORKERS = 2;

/** How long the workers may take to start, in milliseconds. */
const START_TIMEOUT = 30_000;

const stop = new AbortController();
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => stop.abort(new Error(`Stopped by ${signal}`)));
}

try {
  await main();
} catch (error) {
  const interrupted = stop.signal.aborted;
  console.error(`\n${interrupted ? "Stopped" : error instanceof Error ? error.message : error}`);
  process.exitCode = interrupted ? 130 : 1;
}

async function main() {
  process.chdir(ROOT);
  installPackages(".");
  const { tsImport } = await import("tsx/esm/api");
  /** @type {typeof import("../src/redis/mod.ts")} */
  const { createClient } = await tsImport("../src/redis/mod.ts", import.meta.url);

  const url = await findRedis(createClient);
  const queue = `demo-${Math.random().toString(16).slice(2, 10)}`;
  const env = { ...process.env, REDIS_URL: url ?? "memory://", DEMO_QUEUE: queue };
  if (url === undefined) {
    console.log(
      `Redis: none, as REDIS_URL is not set and there is no server on ${LOCAL}; the queue is in memory`,
    );
    console.log(`Queue: ${queue}, with the producer and the worker in one process\n`);
    return await produce(env);
  }
  try {
    console.log(`Redis: ${withoutPassword(url)}`);
    console.log(`Queue: ${queue}, with ${WORKERS} worker processes\n`);
    await countWords(env);
  } finally {
    await removeKeys(createClient, url, queue);
  }
}

/** @param {NodeJS.ProcessEnv} env */
async function countWords(env) {
  const workers = startWorkers(env);
  try {
    await workers.ready;
    await Promise.race([produce(env), workers.failed]);
  } finally {
    await workers.stop();
  }
}

/** @param {NodeJS.ProcessEnv} env */
async function produce(env) {
  const producer = spawnNode(["examples/demo/producer.ts"], { env, stdio: "inherit" });
  stop.signal.addEventListener("abort", () => producer.kill());
  if (stop.signal.aborted) producer.kill();
  const [code] = await once(producer, "exit");
  if (code !== 0) throw new Error(`The producer exited with code ${code}`);
}

/**
 * Starts the workers with the command line, like a user.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function startWorkers(env) {
  const args = ["src/cli/bin.ts", "run", "examples/demo/worker.ts", "--workers", `${WORKERS}`];
  // The command line shuts down when its IPC channel is closed, which also happens when this process dies.
  const child = spawnNode(args, { env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  let output = "";
  const exited = once(child, "exit");
  const failed = exited.then(() => {
    throw new Error(`The workers have exited:\n${output}`);
  });
  failed.catch(() => {}); // They also exit at the end.
  const started = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text) => {
        output += text;
        if (output.split("starting worker ").length > WORKERS) resolve(undefined);
      });
    }
  });
  return {
    failed,
    ready: Promise.race([
      ...[started, failed, aborted()],
      timeout(START_TIMEOUT, () => `The workers did not start within ${START_TIMEOUT} ms:\n${output}`),
    ]),
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/**
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} options
 */
function spawnNode(args, options) {
  return spawn(process.execPath, ["--import", "tsx", ...args], options);
}

/** @typedef {typeof import("../src/redis/mod.ts").createClient} CreateClient */

/**
 * @param {CreateClient} createClient
 * @returns {Promise<string | undefined>} URL of a Redis server; `undefined` if there is none.
 */
async function findRedis(createClient) {
  const given = process.env.REDIS_URL;
  if (!given) return await ping(createClient, LOCAL) === undefined ? LOCAL : undefined;
  const problem = await ping(createClient, given);
  if (problem) throw new Error(`Cannot use REDIS_URL: ${problem}`);
  return given;
}

/**
 * @param {CreateClient} createClient
 * @param {string} url
 * @returns {Promise<string | undefined>} Why the server does not reply; `undefined` if it does.
 */
async function ping(createClient, url) {
  try {
    const client = createClient(url, { retry: false, connectTimeout: "3s" });
    await client.command(["PING"]).finally(() => client.close());
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Removes the keys of the queue. Each contains its name.
 *
 * @param {CreateClient} createClient
 * @param {string} url
 * @param {string} queue
 */
async function removeKeys(createClient, url, queue) {
  const client = createClient(url, { retry: false });
  try {
    let cursor = "0";
    do {
      const reply = await client.command(["SCAN", cursor, "MATCH", `streaq:${queue}:*`, "COUNT", 1000]);
      const [next, keys] = /** @type {[string, string[]]} */ (reply);
      if (keys.length > 0) await client.command(["UNLINK", ...keys]);
      cursor = next;
    } while (cursor !== "0");
  } finally {
    await client.close();
  }
}

/** @param {string} url */
function withoutPassword(url) {
  return url.replace(/\/\/([^@/]*)@/, (_, login) => `//${login.includes(":") ? `${login.split(":")[0]}:***` : "***"}@`);
}

/** @returns {Promise<never>} */
function aborted() {
  return new Promise((_, reject) => {
    if (stop.signal.aborted) reject(stop.signal.reason);
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason));
  });
}

/**
 * @param {number} ms
 * @param {() => string} message
 * @returns {Promise<never>}
 */
function timeout(ms, message) {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(message())), ms).unref());
}
