/** Which configuration file is read when the command line does not say. */

/** In this order; the demo is never among them, it is loaded by name only. */
export const searchedPaths = ['relaykeeper.yaml', '/etc/relaykeeper/relaykeeper.yaml'] as const;

export type Found = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly message: string };

/** `--config` if given, whether or not it exists (that it does not is told by loading it); else the first that exists. */
export function findConfiguration({
  flag,
  exists,
}: {
  readonly flag: string | undefined;
  readonly exists: (path: string) => boolean;
}): Found {
  const path = flag ?? searchedPaths.find((candidate) => exists(candidate));
  if (path !== undefined) return { ok: true, path };
  const message = [
    `no configuration: there is neither ${searchedPaths.join(' nor ')}`,
    '  to try it out with a pretend cloud:  npm start',
    '  to begin with a real account:        cp config/minimal.yaml relaykeeper.yaml',
    '  to name another file:                --config FILE',
  ].join('\n');
  return { ok: false, message };
}
