/** A group's policy in layers: its own entry over `defaults` over what is built in, key by key. What counts, and whose it is. */
import { durationMs } from '../domain/words/duration.ts';
import { field, isMapping } from '../domain/words/mapping.ts';
import { writtenKey } from '../domain/words/policy.ts';

const layerNames = ['built-in', 'defaults', 'group'] as const;
/** By key as the file has it, dots between: `backoff.initial`. Of what is `false` or a list there is one entry. */
export type Origins = Readonly<Record<string, (typeof layerNames)[number]>>;

/** What each layer says of a key, and the place of the one that counts: the last that says anything; -1: none. */
function said(layers: readonly unknown[], key: string) {
  const given = layers.map((layer) => field(layer, writtenKey(key)));
  return { given, by: given.findLastIndex((value) => value !== undefined) };
}

/**
 * The values in force. `false` turns a mapping off, one above it turns it on again, over what is built in. Texts among
 * `builtIn` are read here, for the daemon does without the schema: with YAML and the rules it takes 6 MiB.
 */
export function inForce(layers: readonly unknown[], builtIn: object): object {
  const values = Object.entries(builtIn).map(([key, byDefault]) => {
    const { given, by } = said(layers, key);
    if (isMapping(byDefault)) return [key, given[by] === false ? false : inForce(given, byDefault)];
    const value = typeof byDefault === 'string' ? (durationMs(byDefault) ?? byDefault) : byDefault;
    return [key, given[by] ?? value];
  });
  return Object.fromEntries(values);
}

/** Whose each of those values is, nested keys one by one. */
export function originsOf(layers: readonly unknown[], builtIn: object): Origins {
  const origins = Object.entries(builtIn).flatMap(([key, byDefault]) => {
    const { given, by } = said(layers, key);
    if (!isMapping(byDefault) || given[by] === false) return [[writtenKey(key), layerNames[by + 1]]];
    return Object.keys(byDefault).map((inner) => [
      `${writtenKey(key)}.${writtenKey(inner)}`,
      layerNames[said(given, inner).by + 1],
    ]);
  });
  return Object.fromEntries(origins);
}
