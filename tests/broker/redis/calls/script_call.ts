import type { KeyTable } from "../../../../src/broker/redis/keys.ts";
import type { Situation } from "../situation.ts";

/** A call of a script. */
export interface ScriptCall {
  /** The file of the script. */
  readonly script: string;
  readonly title: string;
  readonly before?: (situation: Situation) => Promise<unknown>;
  /** Returns the answer. */
  readonly call: (situation: Situation) => Promise<unknown>;
  /** Whether the answer counts what this very call has changed, and so differs when it is sent twice. */
  readonly counts?: boolean;
  /** By family of keys, facts that are not as they should be after this call if such a key has a wrong type. */
  readonly lost?: Readonly<Partial<Record<keyof KeyTable, RegExp>>>;
}
