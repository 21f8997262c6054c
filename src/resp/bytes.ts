/** The bytes with a meaning in RESP: the type bytes of values, and delimiters. */

export const CR = 0x0d;
export const LF = 0x0a;
export const MINUS = 0x2d;
export const COLON = 0x3a;

export const SIMPLE_STRING = 0x2b; // +
export const SIMPLE_ERROR = 0x2d; // -
export const INTEGER = 0x3a; // :
export const NULL = 0x5f; // _
export const BOOLEAN = 0x23; // #
export const DOUBLE = 0x2c; // ,
export const BIG_NUMBER = 0x28; // (

export const BULK_STRING = 0x24; // $
export const BULK_ERROR = 0x21; // !
export const VERBATIM_STRING = 0x3d; // =
export const PART = 0x3b; // ; of a streamed string

export const ARRAY = 0x2a; // *
export const SET = 0x7e; // ~
export const MAP = 0x25; // %
export const PUSH = 0x3e; // >
export const ATTRIBUTE = 0x7c; // |
export const END = 0x2e; // . of a streamed aggregate
