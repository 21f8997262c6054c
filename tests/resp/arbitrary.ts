import { Buffer } from "node:buffer";
import fc from "fast-check";
import type { Message, Wire } from "./encode_reply.ts";

const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, " "));
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
);

/** Any bytes, among them some that a careless decoder mistakes for RESP. */
const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 400 }),
  fc.string({ unit: "binary" }).map((text) => Uint8Array.from(Buffer.from(text))),
  fc.constantFrom("\r\n", ":5\r\n", "$-1\r\n", "*2\r\n", ".\r\n", ";0\r\n", "__proto__").map((text) =>
    Uint8Array.from(Buffer.from(text))
  ),
);

const { wire } = fc.letrec<{ wire: Wire; pair: [Wire, Wire] }>((tie) => ({
  pair: fc.tuple(tie("wire"), tie("wire")),
  wire: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ type: fc.constantFrom("simple", "error"), text: line }),
    fc.record({ type: fc.constant("bulkError"), text: fc.string() }),
    fc.record({ type: fc.constant("integer"), value: int64 }),
    fc.record({ type: fc.constant("big"), value: fc.bigInt() }),
    fc.record({ type: fc.constantFrom("bulk", "verbatim"), bytes }),
    fc.record({ type: fc.constant("streamed"), parts: fc.array(bytes.filter((part) => part.length > 0)) }),
    fc.record({ type: fc.constantFrom("null", "nullBulk", "nullArray") }),
    fc.record({ type: fc.constant("boolean"), value: fc.boolean() }),
    fc.record({ type: fc.constant("double"), value: fc.double() }),
    fc.record({ type: fc.constantFrom("array", "set"), items: fc.array(tie("wire")), streamed: fc.boolean() }),
    fc.record({ type: fc.constant("map"), pairs: fc.array(tie("pair")), streamed: fc.boolean() }),
    fc.record({
      type: fc.constant("attributed"),
      attributes: fc.array(tie("pair"), { maxLength: 3 }),
      value: tie("wire"),
    }),
  ) as fc.Arbitrary<Wire>,
}));

/** Any value of RESP3, or a push. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  { weight: 5, arbitrary: wire },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("push"), items: fc.array(wire, { minLength: 1 }) }) },
);

/** Lengths of chunks. */
export const anyChunks: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 200 })),
  { minLength: 1, maxLength: 20 },
);

/** Random bytes, many of which look like RESP. */
export const anyGarbage: fc.Arbitrary<Uint8Array> = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.constantFrom(..."+-:$*_#,(!=%~>|.;?\r\n0123456789tf", "\r\n", "-1", "txt:").map((text) => Buffer.from(text)),
  ),
  { maxLength: 60 },
).map((pieces) => Uint8Array.from(Buffer.concat(pieces)));
