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

export function compareForReload(old: Settings, next: Settings): ReloadDifference {
  const parts = (settings: Settings): Readonly<Record<string, unknown>> => ({
    log: settings.log,
    metrics: settings.metrics,
    maintenance: settings.maintenance,
    'server.tls': settings.server.tls,
    'server.tokens': settings.server.tokens,
  });
  const fixed = (settings: Settings): Readonly<Record<string, unknown>> => ({
    'server.listen': settings.server.listen,
    'server.socket': settings.server.socket,
    'server.externalUrl': settings.server.externalUrl,
    // Whether the port speaks TLS is decided when it is opened; which certificate, at every handshake.
    'server.tls': settings.server.tls !== undefined,
    store: settings.store,
  });
  const needsRestart = differing(fixed(old), fixed(next));
  return {
    needsRestart,
    changed: differing(parts(old), parts(next)).filter((name) => !needsRestart.includes(name)),
    accounts: difference(byName(old.accounts), byName(next.accounts)),
    groups: difference(byName(withRank(old.groups)), byName(withRank(next.groups))),
  };
}

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
