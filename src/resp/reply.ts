/**
 * One argument of a command. Strings are sent as UTF-8, numbers and bigints as decimal text, bytes as they are.
 */
export type Argument = string | number | bigint | Uint8Array;

/**
 * A value received from the server. Text is a string, or a `Uint8Array` where bytes were asked for; integers are
 * numbers, beyond 2^53 bigints; maps and sets are `Map` and `Set`, so that a key such as `__proto__` is only data. An
 * error inside an array is a value like any other.
 */
export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | Error
  | Uint8Array
  | Reply[]
  | Map<Reply, Reply>
  | Set<Reply>;
