import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StreaqCancelled, StreaqError, StreaqRetry, TimeoutError, ValidationError } from "../../src/base/errors.ts";

describe("StreaqRetry", () => {
  it("takes a delay, a schedule or neither", () => {
    const schedule = new Date(17);
    assertEquals(new StreaqRetry("again", { delay: "1.5s" }).delay, 1500);
    assertEquals(new StreaqRetry("again", { schedule }).schedule, schedule);
    const { delay, schedule: none, cause } = new StreaqRetry("again", { cause: 5 });
    assertEquals([delay, none, cause], [undefined, undefined, 5]);
  });

  it("can be free, and is not unless that is said", () => {
    assertEquals([new StreaqRetry("again").free, new StreaqRetry("again", { free: true }).free], [false, true]);
  });

  it("refuses a delay and a schedule together, and invalid ones", () => {
    const create = (options: ConstructorParameters<typeof StreaqRetry>[1]) => () => new StreaqRetry("again", options);
    const both = "Cannot create StreaqRetry: expected delay or schedule, got both";
    assertThrows(create({ delay: 1, schedule: new Date() }), StreaqError, both);
    assertThrows(create({ delay: -1 }), RangeError, 'Cannot use option "delay": expected a duration >= 0, got -1');
    const schedule = 'Cannot use option "schedule": expected a valid Date, got';
    assertThrows(create({ schedule: new Date(NaN) }), TypeError, `${schedule} Invalid Date`);
    const free = 'Cannot use option "free": expected true or false, got yes';
    assertThrows(create({ free: "yes" as unknown as boolean }), TypeError, free);
    assertThrows(create({ schedule: "now" as unknown as Date }), TypeError, `${schedule} now`);
  });
});

describe("every error", () => {
  it("has the name of its class", () => {
    const errors = [
      new StreaqError(),
      new StreaqCancelled(),
      new StreaqRetry(),
      new TimeoutError(),
      new ValidationError(),
    ];
    assertEquals(errors.map(({ name }) => name), errors.map(({ constructor }) => constructor.name));
  });
});
