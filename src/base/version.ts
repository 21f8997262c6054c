/** Version of this package. `npm run check` compares it with deno.json and package.json. */
export const VERSION = "0.1.0";
