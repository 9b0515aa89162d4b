/** Which configuration file is read if the command line names none. */
import { existsSync } from 'node:fs';

/** In this order; the demo is never among them, it is loaded by name only. */
export const searchedPaths = ['relaykeeper.yaml', '/etc/relaykeeper/relaykeeper.yaml'] as const;

/** `--config` if given, whether or not it exists (loading it says so); else the first that exists. */
export const findConfiguration = (
  flag: string | undefined,
  exists: (path: string) => boolean = existsSync,
): string | undefined => flag ?? searchedPaths.find((path) => exists(path));

export const noConfiguration = [
  `no configuration: there is neither ${searchedPaths.join(' nor ')}`,
  '  to try it out with a pretend cloud:  npm start',
  '  to begin with a real account:        cp config/minimal.yaml relaykeeper.yaml',
  '  to name another file:                --config FILE',
].join('\n');
