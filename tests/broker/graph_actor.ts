import type { Delivery } from "../../src/broker/contract/delivery.ts";
import type { FailingDependent } from "../../src/broker/redis/scripts/dependents/fan_out.ts";

/** A worker, or a producer that stores dependencies. */
export interface Actor {
  readonly name: string;
  /** Every delivery that it has ever leased, lost ones included. */
  readonly leased: Delivery[];
  /** Dependents that its last fan-out returned. */
  failing: readonly FailingDependent[];
  /** The task whose dependencies it stores. */
  gathering: { readonly id: string; readonly token: string; readonly after: string[] } | undefined;
}

/** An actor that has leased nothing yet. */
export function newActor(name: string): Actor {
  return { name, leased: [], failing: [], gathering: undefined };
}
