/** Reads values of unknown type: parsed JSON, an answer of another program, a thrown error. */

export type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Undefined of what is no mapping. */
export const field = (value: unknown, name: string): unknown => (isMapping(value) ? value[name] : undefined);
