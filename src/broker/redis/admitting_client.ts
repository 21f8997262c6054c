import { StreaqError } from "../../base/errors.ts";
import type { CommandArguments, CommandOptions, RedisClient } from "../../redis/mod.ts";
import type { Reply } from "../../resp/reply.ts";
import type { Cancellable } from "../contract/cancellable.ts";
import type { CommandSender } from "./command_sender.ts";

/**
 * Connects before the first command, and sends none to a server in cluster mode unless the name of the queue has a hash
 * tag, which puts all its keys in one slot. Such a server would refuse some keys after others were written.
 */
export class AdmittingClient implements CommandSender {
  readonly #redis: RedisClient;
  readonly #queueName: string;
  #isAdmitted: boolean;

  constructor(redis: RedisClient, queueName: string) {
    this.#redis = redis;
    this.#queueName = queueName;
    this.#isAdmitted = hasHashTag(queueName);
  }

  /**
   * Connects, and checks the server the first time.
   *
   * @throws {StreaqError} If the server is in cluster mode, and the queue has no hash tag.
   */
  async connect({ signal }: Cancellable = {}): Promise<void> {
    await this.#redis.connect({ signal });
    if (this.#isAdmitted) return;
    if (this.#redis.isCluster) {
      const name = this.#queueName;
      throw new StreaqError(
        `Cannot use queue ${name}: the server is in cluster mode, which is supported only for one node and a queue ` +
          `name with a hash tag, such as {${name.replaceAll(/[{}]/g, "")}}`,
      );
    }
    this.#isAdmitted = true;
  }

  /** Connects and checks the server, unless that was done. */
  async admit(options?: Cancellable): Promise<void> {
    if (!this.#isAdmitted) await this.connect(options);
  }

  command<T extends Reply = Reply>(args: CommandArguments, options?: CommandOptions): Promise<T> {
    if (this.#isAdmitted) return this.#redis.command<T>(args, options);
    return this.connect(options).then(() => this.#redis.command<T>(args, options));
  }
}

/** Whether a name has a part in braces that is not empty, by which a Cluster finds the slot of a key. */
function hasHashTag(name: string): boolean {
  const start = name.indexOf("{");
  return start !== -1 && name.indexOf("}", start) > start + 1;
}
