/** A stored record as its serializer made it: text, or bytes. */
export type Payload = string | Uint8Array;
