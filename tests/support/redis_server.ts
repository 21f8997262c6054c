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
  /** Further arguments, as on the command line: `["--maxmemory", "4mb"]`. */
  args?: readonly string[];
  /** Further lines of the configuration file, for what has no argument: `["sentinel monitor main 127.0.0.1 7000 1"]`. */
  config?: readonly string[];
  /** Puts each write on disk before it is acknowledged. Without it a server that ends forgets everything. @default {false} */
  appendonly?: boolean;
  /** The password of the default user. */
  password?: string;
  /** Speaks only TLS on its port, with a certificate of an authority of its own. @default {false} */
  tls?: boolean;
}

/** A real server, of this test alone. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** `redis://` or, with `tls`, `rediss://`. Holds the password, if there is one. */
  readonly url: string;
  /** It listens there too. */
  readonly socketPath: string;
  /** The authority to trust, in PEM; `undefined` without `tls`. */
  readonly ca: string | undefined;
  /** Changes with {@linkcode restart}. */
  readonly pid: number;
  /** Ends it, and removes what it left on disk. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Stops it with SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** Lets it go on after {@linkcode pause}. */
  resume(): void;
  /** Starts it again, on the same port and with the same files; shuts it down first if it still runs. */
  restart(): Promise<void>;
}

/** How long a server may take to load its data. */
const START_TIMEOUT = 30_000;

/**
 * Starts `redis-server` on a free port of the loopback interface, and resolves when it answers.
 *
 * @throws When it ends instead; the message holds its log. Also with `STREAQ_TEST_REDIS=no`.
 */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  if (!testsUseRedis()) throw new Error("Cannot start redis-server: STREAQ_TEST_REDIS=no forbids it");
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
    if (!this.#process) throw new Error("The server was not started");
    return this.#process.pid;
  }

  async restart(): Promise<void> {
    await this.#process?.end("SIGTERM");
    this.#process = await this.#launch();
    const deadline = Date.now() + START_TIMEOUT;
    while (!await this.#answers()) {
      if (!this.#process.running) throw new Error(`redis-server ended instead of listening: ${this.log()}`);
      if (Date.now() > deadline) throw new Error(`redis-server did not answer in ${START_TIMEOUT} ms: ${this.log()}`);
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

  /** What the server has to say. */
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
   * Resolves to whether the server is ready. Asks on the socket in the server's own folder, where no other server can
   * answer, and which is there only once the port is bound.
   */
  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.socketPath);
      socket.on("error", () => resolve(false)); // Not there yet.
      socket.on("close", () => resolve(false));
      socket.on("data", (reply) => {
        // One that keeps a password from us is ready; one that loads its data says -LOADING.
        resolve(/\+PONG|-NOAUTH/.test(reply.toString()));
        socket.destroy();
      });
      socket.write(this.#password ? `AUTH ${JSON.stringify(this.#password)}\r\nPING\r\n` : "PING\r\n");
    });
  }
}
