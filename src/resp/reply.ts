/**
 * An argument of a command. Strings are sent as UTF-8, numbers and bigints as decimal text, bytes unchanged.
 */
export type Argument = string | number | bigint | Uint8Array;

/**
 * A reply of the server. Text is a string, or a `Uint8Array` if bytes were requested. Integers are numbers, or bigints
 * from 2^53. Maps and sets are `Map` and `Set`, so that a key such as `__proto__` is harmless. An error inside an array
 * is a value like any other.
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
