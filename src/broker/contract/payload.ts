/** A record as its serializer encoded it: text or bytes. */
export type Payload = string | Uint8Array;
