/**
 * A schema of any library that implements [Standard Schema](https://standardschema.dev), like zod, valibot and arktype.
 * The declaration is compatible with that of the package `@standard-schema/spec`.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** The interface of the standard. */
  readonly "~standard": StandardProperties<Input, Output>;
}

/**
 * The properties that every schema has.
 *
 * @internal
 */
export interface StandardProperties<Input, Output> {
  readonly version: 1;
  /** The name of the library. */
  readonly vendor: string;
  /** Checks a value. */
  readonly validate: (value: unknown) => StandardAnswer<Output> | Promise<StandardAnswer<Output>>;
  /** Only for the compiler: no library sets it. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/**
 * What came out of a schema, or the reasons why it refuses a value.
 *
 * @internal
 */
export type StandardAnswer<Output> = { readonly value: Output; readonly issues?: undefined } | {
  readonly issues: readonly StandardIssue[];
};

/**
 * A reason why a schema refuses a value.
 *
 * @internal
 */
export interface StandardIssue {
  readonly message: string;
  /** Where in the value, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The type of the values that a schema accepts.
 *
 * @internal
 */
export type InputOf<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["input"];

/**
 * The type of what comes out of a schema.
 *
 * @internal
 */
export type OutputOf<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["output"];

/**
 * The arguments that a list of schemas accepts. Those at its end that accept `undefined` are optional.
 *
 * @internal
 */
export type Inputs<S extends readonly StandardSchemaV1[], Optional extends unknown[] = []> = S extends
  readonly [...infer Head extends readonly StandardSchemaV1[], infer Last extends StandardSchemaV1]
  ? undefined extends InputOf<Last> ? Inputs<Head, [InputOf<Last>?, ...Optional]> : [...Accepted<S>, ...Optional]
  : [...Accepted<S>, ...Optional];

/**
 * The arguments that come out of a list of schemas.
 *
 * @internal
 */
export type Outputs<S extends readonly StandardSchemaV1[]> = { -readonly [K in keyof S]: OutputOf<S[K]> };

type Accepted<S extends readonly StandardSchemaV1[]> = { -readonly [K in keyof S]: InputOf<S[K]> };
