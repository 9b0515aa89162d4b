/** Where each value of a group's policy comes from: the group itself, `defaults`, or what is built in. */
import { isMapping } from '../domain/words/mapping.ts';
import { writtenKey } from '../domain/words/policy.ts';
import type { WrittenGroup, WrittenPolicy } from './schema.ts';

export type Origin = 'group' | 'defaults' | 'built-in';
/** By key as the file has it, dots between: `backoff.initial`. Of what is `false` or a list there is one entry. */
export type Origins = Readonly<Record<string, Origin>>;

/**
 * Of two layers the upper one counts, key by key. A mapping over `false` is laid over what is built in, as if the
 * `false` had not been said.
 */
function originOf(layers: readonly (readonly [Origin, WrittenPolicy])[], key: string, inner?: string): Origin {
  for (const [origin, layer] of layers) {
    const value = (layer as Readonly<Record<string, unknown>>)[key];
    if (value === undefined) continue;
    if (!isMapping(value)) return inner !== undefined && origin === 'defaults' ? 'built-in' : origin;
    if (inner === undefined || value[inner] !== undefined) return origin;
  }
  return 'built-in';
}

/** Of every key of the policy in force, which `policy` is: nested keys one by one. */
export function originsOf(
  { name: _, ...policy }: { readonly name: string },
  written: WrittenGroup,
  defaults: WrittenPolicy | undefined,
): Origins {
  // Without `match`, the name says whose tasks they are.
  const match = written.match ?? { cloudGroup: [written.name] };
  const layers = [
    ['group', { ...written, match }],
    ['defaults', defaults ?? {}],
  ] as const;
  return Object.fromEntries(
    Object.entries(policy).flatMap(([key, value]) => {
      const name = writtenKey(key);
      if (!isMapping(value)) return [[name, originOf(layers, name)]];
      const inner = Object.keys(value).map(writtenKey);
      return inner.map((key) => [`${name}.${key}`, originOf(layers, name, key)]);
    }),
  );
}
