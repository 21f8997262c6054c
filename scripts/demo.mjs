/**
 * `npm run demo`: counts the words in the files of this repository, with two worker processes and a producer.
 *
 * Needs nothing but git and Node. It takes the Redis of REDIS_URL, or one on localhost:6379, or starts one of its own,
 * and leaves nothing behind there.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "./runtimes.mjs";
import { installPackages, installPrograms } from "./setup.mjs";

const LOCAL = "redis://localhost:6379";
const WORKERS = 2;

/** How long the workers may take to start, in milliseconds. */
const PATIENCE = 30_000;

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
  installPackages(ROOT);
  const { tsImport } = await import("tsx/esm/api");
  /** @type {typeof import("../src/redis/mod.ts")} */
  const { createClient } = await tsImport("../src/redis/mod.ts", import.meta.url);

  const redis = await findRedis(createClient);
  const queue = `demo-${Math.random().toString(16).slice(2, 10)}`;
  try {
    console.log(`Redis: ${withoutPassword(redis.url)} (${redis.origin})`);
    console.log(`Queue: ${queue}, worked off by ${WORKERS} processes\n`);
    await countWords({ ...process.env, REDIS_URL: redis.url, DEMO_QUEUE: queue });
  } finally {
    await redis.leave(queue);
  }
}

/** @param {NodeJS.ProcessEnv} env */
async function countWords(env) {
  const workers = startWorkers(env);
  try {
    await workers.ready;
    const producer = spawnNode(["examples/demo/producer.ts"], { env, stdio: "inherit" });
    stop.signal.addEventListener("abort", () => producer.kill());
    if (stop.signal.aborted) producer.kill();
    const ended = once(producer, "exit").then(([code]) => {
      if (code !== 0) throw new Error("The producer has failed");
    });
    await Promise.race([ended, workers.failed]);
  } finally {
    await workers.stop();
  }
}

/**
 * Starts the workers with the command line, like a user would.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function startWorkers(env) {
  const args = ["src/cli/bin.ts", "run", "examples/demo/worker.ts", "--workers", `${WORKERS}`];
  // The command line shuts down when its channel to us is closed, so it also does when we are gone.
  const child = spawnNode(args, { env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  let output = "";
  const exited = once(child, "exit");
  const failed = exited.then(() => {
    throw new Error(`The workers have ended:\n${output}`);
  });
  failed.catch(() => {}); // In the end they are meant to.
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
    ready: Promise.race([started, failed, aborted(), late(PATIENCE, () => `The workers do not start:\n${output}`)]),
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

/** @typedef {{ url: string, origin: string, leave: (queue: string) => Promise<void> }} Redis */
/** @typedef {typeof import("../src/redis/mod.ts").createClient} CreateClient */

/**
 * @param {CreateClient} createClient
 * @returns {Promise<Redis>}
 */
async function findRedis(createClient) {
  const given = process.env.REDIS_URL;
  if (given) {
    const problem = await ping(createClient, given);
    if (problem) throw new Error(`REDIS_URL leads nowhere: ${problem}`);
    return { url: given, origin: "REDIS_URL", leave: (queue) => removeKeys(createClient, given, queue) };
  }
  if (await ping(createClient, LOCAL)) return await startRedis(createClient);
  return { url: LOCAL, origin: "already running", leave: (queue) => removeKeys(createClient, LOCAL, queue) };
}

/**
 * @param {CreateClient} createClient
 * @param {string} url
 * @returns {Promise<string | undefined>} Why it does not answer; `undefined` when it does.
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
 * Starts a server of our own, out of reach of a Ctrl-C, which all processes of a terminal get.
 *
 * @param {CreateClient} createClient
 * @returns {Promise<Redis>}
 */
async function startRedis(createClient) {
  if (spawnSync("redis-server", ["--version"]).error) install();
  const folder = mkdtempSync(join(tmpdir(), "streaq-demo-"));
  const port = await freePort();
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  const server = spawn("redis-server", args, { stdio: "ignore", detached: true });
  const exited = once(server, "exit");
  const url = `redis://127.0.0.1:${port}`;
  const end = async () => {
    server.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; await ping(createClient, url); attempt++) {
    if (attempt < 100 && server.exitCode === null && !stop.signal.aborted) await sleep(50);
    else {
      await end();
      throw new Error(`redis-server does not answer on port ${port}`);
    }
  }
  return { url, origin: "started for this demo, in a temporary folder", leave: end };
}

function install() {
  try {
    installPrograms();
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new Error(
      `There is no Redis: REDIS_URL is not set, nothing answers on ${LOCAL}, and redis-server cannot be started.\n` +
        `${reason}.\nOr say where a Redis is: REDIS_URL=redis://user:password@host:6379 npm run demo`,
    );
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address ? address.port : 0;
}

/**
 * Removes what the queue has left. Its name is in every key.
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
function late(ms, message) {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(message())), ms).unref());
}
