/**
 * The schema of the configuration as JSON Schema (draft-07): for editors, and for our own question which keys
 * there are where. Made from schema.ts, so that a key, its bounds and its description stand in one place.
 */
import { z } from 'zod';
import type { Path } from './document.ts';
import { rootSchema } from './schema.ts';

export interface JsonSchema {
  readonly [word: string]: unknown;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
}

const schemaOf = (engines: readonly string[]) =>
  z.toJSONSchema(rootSchema(engines), { target: 'draft-07', io: 'input' }) as JsonSchema;
/** Keys are the same with every engine. */
const strict = schemaOf([]);

/** The JSON Schema of the configuration file, ready to be printed. */
export function jsonSchema(engines: readonly string[]): JsonSchema {
  return {
    ...asWritten(schemaOf(engines)),
    title: 'relaykeeper configuration',
    description: 'Put `# yaml-language-server: $schema=PATH` on the first line of the file to use it in an editor.',
  };
}

/** What the file allows besides: no value where a key may be left out, and a variable where text of a shape belongs. */
function asWritten(schema: JsonSchema): JsonSchema {
  const { properties, required = [], items, anyOf } = schema;
  return orVariable({
    ...schema,
    ...(items && { items: asWritten(items) }),
    ...(anyOf && { anyOf: anyOf.map(asWritten) }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, own]) => {
          const inner = asWritten(own);
          return [name, required.includes(name) ? inner : or({ type: 'null' }, inner)];
        }),
      ),
    }),
  });
}

const variable = '\\$\\{';

function orVariable(schema: JsonSchema): JsonSchema {
  if (schema.type !== 'string') return schema;
  if (schema.pattern !== undefined) return { ...schema, pattern: `${schema.pattern}|${variable}` };
  return schema.enum ? or({ type: 'string', pattern: variable }, schema) : schema;
}

/** One form more. What editors show of a key stands beside its forms. */
function or(form: JsonSchema, schema: JsonSchema): JsonSchema {
  if (schema.anyOf) return { ...schema, anyOf: [...schema.anyOf, form] };
  const { description, default: byDefault, ...own } = schema;
  return {
    anyOf: [own, form],
    ...(description !== undefined && { description }),
    ...(byDefault !== undefined && { default: byDefault }),
  };
}

/** The forms that a value of this schema can have. */
const forms = (schema: JsonSchema): readonly JsonSchema[] => schema.anyOf?.flatMap(forms) ?? [schema];

/** By place, whichever entry of a list it is: 200 groups ask the same. No more than there are mappings in the schema. */
const keysByPlace = new Map<string, readonly string[]>();

/** The keys that a mapping at this place of the file may have; empty if there is no mapping. */
export function keysAt(path: Path): readonly string[] {
  const place = path.map((step) => (typeof step === 'number' ? 0 : step));
  const name = JSON.stringify(place);
  const known = keysByPlace.get(name);
  if (known) return known;
  let here: readonly JsonSchema[] = [strict];
  for (const step of place) {
    const next = here.map((form) => (step === 0 ? form.items : form.properties?.[step]));
    here = next.filter((form) => form !== undefined).flatMap(forms);
  }
  const keys = here.flatMap((form) => Object.keys(form.properties ?? {}));
  if (keys.length > 0) keysByPlace.set(name, keys);
  return keys;
}

/** Every key of the configuration, as `groups[].backoff.max`. */
export function keyPaths(): readonly string[] {
  const walk = (schema: JsonSchema, prefix: string): readonly string[] =>
    forms(schema).flatMap((form) => [
      ...(form.items ? walk(form.items, `${prefix}[]`) : []),
      ...Object.entries(form.properties ?? {}).flatMap(([name, own]) => {
        const path = prefix === '' ? name : `${prefix}.${name}`;
        return [path, ...walk(own, path)];
      }),
    ]);
  return [...new Set(walk(strict, ''))];
}
