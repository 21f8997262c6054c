import { describe } from "node:test";
import { brokers } from "./brokers.ts";
import { Stage } from "./stage.ts";

/**
 * Describes behaviour that is the same on every broker. `define` is called once for each broker, and its tests use no
 * more of the broker than their stage offers.
 */
export function behaviour(name: string, define: (stage: Stage) => void): void {
  for (const broker of brokers) {
    describe(`${name} on ${broker.name}`, () => define(new Stage(broker)));
  }
}
