/** A Redis client as far as it is measured. */
export interface Client {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  /** Resolves to the fields of a hash, in the client's own form. */
  hgetall(key: string): Promise<unknown>;
  mget(keys: readonly string[]): Promise<unknown>;
}

/** Connects a client. */
export type Connect = (redisUrl: string) => Promise<Client>;
