import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { testsUseRedis } from "../../scripts/switches.mjs";
import { makeCertificate } from "./certificate.ts";
import { findFreePort, HOST } from "./free_port.ts";
import { Subprocess } from "./subprocess.ts";

/** Options of {@linkcode startRedis}. */
export interface RedisServerOptions {
  /** Additional arguments of the command line: `["--maxmemory", "4mb"]`. */
  args?: readonly string[];
  /** Additional lines of the configuration file, for settings without an argument: `["sentinel monitor ..."]`. */
  config?: readonly string[];
  /** Writes everything to disk before it is acknowledged. Otherwise a restart loses all data. @default {false} */
  appendonly?: boolean;
  /** The password of the default user. */
  password?: string;
  /** Uses TLS on the port, with a certificate of a new authority. @default {false} */
  tls?: boolean;
}

/** A Redis server that belongs to one test. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** `redis://` or, with `tls`, `rediss://`; includes the password, if any. */
  readonly url: string;
  /** Path of the Unix socket on which the server listens as well. */
  readonly socketPath: string;
  /** Certificate of the authority to trust, in PEM; `undefined` without `tls`. */
  readonly ca: string | undefined;
  /** Id of the process; {@linkcode restart} changes it. */
  readonly pid: number;
  /** Stops the server and removes its files. */
  stop(): Promise<void>;
  /** Stops the server with SIGKILL. */
  kill(): Promise<void>;
  /** Suspends the server with SIGSTOP: connections stay open, but it does not answer. */
  pause(): void;
  /** Resumes the server after {@linkcode pause}. */
  resume(): void;
  /** Starts the server again with the same port and files; shuts it down first if it still runs. */
  restart(): Promise<void>;
}

/** How long a server may take to start and load its data, in milliseconds. */
const START_TIMEOUT = 30_000;

/**
 * Starts `redis-server` on a free port of loopback, and resolves when it answers.
 *
 * @throws When the server exits instead, with its log in the message; and always with `STREAQ_TEST_REDIS=no`.
 */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  if (!testsUseRedis()) throw new Error("Cannot start redis-server: STREAQ_TEST_REDIS=no does not allow it");
  for (;;) {
    const server = new LocalRedis(await findFreePort(), options);
    try {
      await server.restart();
      return server;
    } catch (error) {
      const taken = server.log().includes("Failed listening");
      await server.stop();
      if (!taken) throw error;
    }
  }
}

class LocalRedis implements RedisServer {
  readonly port: number;
  readonly url: string;
  readonly socketPath: string;
  readonly ca: string | undefined;
  readonly #folder: string = mkdtempSync(join(tmpdir(), "streaq-redis-"));
  readonly #args: readonly string[];
  readonly #password: string | undefined;
  #process: Subprocess | undefined;

  constructor(port: number, { args = [], config = [], appendonly = false, password, tls = false }: RedisServerOptions) {
    const certificate = tls ? makeCertificate(this.#folder) : undefined;
    this.port = port;
    this.url = `${tls ? "rediss" : "redis"}://${password ? `:${encodeURIComponent(password)}@` : ""}${HOST}:${port}`;
    this.socketPath = join(this.#folder, "redis.sock");
    this.ca = certificate && readFileSync(certificate.ca, "utf8");
    this.#args = args;
    this.#password = password;

    const lines = [
      `bind ${HOST}`,
      `dir ${this.#folder}`,
      `unixsocket ${this.socketPath}`,
      `save ""`,
      ...appendonly ? ["appendonly yes", "appendfsync always"] : [],
      ...password ? [`requirepass ${JSON.stringify(password)}`] : [],
      ...certificate
        ? [
          "port 0",
          `tls-port ${port}`,
          `tls-ca-cert-file ${certificate.ca}`,
          `tls-cert-file ${certificate.cert}`,
          `tls-key-file ${certificate.key}`,
          "tls-auth-clients no",
        ]
        : [`port ${port}`],
      ...config,
    ];
    writeFileSync(this.#configFile, lines.join("\n") + "\n");
  }

  get pid(): number {
    if (!this.#process) throw new Error("Cannot read the process id: the server was not started");
    return this.#process.pid;
  }

  async restart(): Promise<void> {
    await this.#process?.end("SIGTERM");
    this.#process = await this.#launch();
    const deadline = Date.now() + START_TIMEOUT;
    while (!await this.#answers()) {
      if (!this.#process.running) throw new Error(`Cannot start redis-server, its log is: ${this.log()}`);
      if (Date.now() > deadline) {
        throw new Error(`redis-server did not answer within ${START_TIMEOUT} ms, its log is: ${this.log()}`);
      }
      await delay(5);
    }
  }

  async kill(): Promise<void> {
    await this.#process?.end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  pause(): void {
    this.#process?.signal("SIGSTOP");
  }

  resume(): void {
    this.#process?.signal("SIGCONT");
  }

  /** Returns the log of the server. */
  log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #launch(): Promise<Subprocess> {
    const log = openSync(this.#logFile, "a");
    try {
      return await Subprocess.start("redis-server", [this.#configFile, ...this.#args], {
        folder: this.#folder,
        stdio: ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
  }

  get #configFile(): string {
    return join(this.#folder, "redis.conf");
  }

  get #logFile(): string {
    return join(this.#folder, "redis.log");
  }

  /**
   * Resolves to whether the server is ready. The Unix socket is in the folder of this server, so no other server can
   * answer on it, and it exists only once the port is bound.
   */
  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.socketPath);
      socket.on("error", () => resolve(false)); // The socket does not exist yet.
      socket.on("close", () => resolve(false));
      socket.on("data", (reply) => {
        // A server that asks for a password is ready; one that still loads its data answers -LOADING.
        resolve(/\+PONG|-NOAUTH/.test(reply.toString()));
        socket.destroy();
      });
      socket.write(this.#password ? `AUTH ${JSON.stringify(this.#password)}\r\nPING\r\n` : "PING\r\n");
    });
  }
}
