/** What differs between the settings in force and those that would replace them. */
import type { ConfigDifference, Difference } from '../domain/words/events.ts';
import type { Settings } from './settings.ts';

/**
 * Other parts by their key at the top of the file or below `server`. A change of order counts as a change of each group
 * that moved, since the first match has the task.
 */
interface ReloadDifference extends ConfigDifference {
  /** Keys that differ and take effect only after a restart of the process, in the words of the file. */
  readonly needsRestart: readonly string[];
}

/** `next` as it can come into force: doors and store, which need a restart, stay, so that the next reload reports them again. */
export function withoutRestart({ server, store }: Settings, next: Settings): Settings {
  const { listen, socket, externalUrl, tls } = server;
  return { ...next, server: { ...next.server, listen, socket, externalUrl, tls }, store };
}

export function compareForReload(old: Settings, next: Settings): ReloadDifference {
  const inForce = withoutRestart(old, next);
  return {
    needsRestart: differing(partsOf(inForce), partsOf(next)),
    changed: differing(partsOf(old), partsOf(inForce)),
    accounts: difference(byName(old.accounts), byName(next.accounts)),
    groups: difference(byName(withRank(old.groups)), byName(withRank(next.groups))),
  };
}

const partsOf = ({ log, metrics, maintenance, store, server }: Settings): Readonly<Record<string, unknown>> => ({
  log,
  metrics,
  maintenance,
  ...Object.fromEntries(Object.entries(server).map(([key, value]) => [`server.${key}`, value])),
  store,
});

const byName = (entries: readonly { readonly name: string }[]): ReadonlyMap<string, unknown> =>
  new Map(entries.map((entry) => [entry.name, entry]));

/** A group together with the names above it. */
const withRank = (groups: Settings['groups']) =>
  groups.map((group, index) => ({ ...group, above: groups.slice(0, index).map(({ name }) => name) }));

function differing(old: Readonly<Record<string, unknown>>, next: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(old).filter((name) => textOf(old[name]) !== textOf(next[name]));
}

function difference(old: ReadonlyMap<string, unknown>, next: ReadonlyMap<string, unknown>): Difference {
  return {
    added: [...next.keys()].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !next.has(name)),
    changed: [...next.keys()].filter((name) => old.has(name) && textOf(old.get(name)) !== textOf(next.get(name))),
  };
}

/** Of settings, whose keys always come in one order; of a secret it has what that is, which is compared and never shown. */
export const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'function' ? inner() : inner));
