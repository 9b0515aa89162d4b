/** Files in memory, and one way to load them, for the tests of the settings. */
import { loadSettings } from '../../src/settings/load.ts';
import type { Loaded } from '../../src/settings/loaded.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { TooLarge } from '../../src/user-files.ts';

export type Files = Readonly<Record<string, string | Uint8Array>>;

export const filesInMemory =
  (files: Files) =>
  (path: string, maxBytes: number): Uint8Array => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    if (bytes.length > maxBytes) throw new TooLarge(maxBytes);
    return bytes;
  };

export function load(text: string | Uint8Array, env: Record<string, string> = {}, files: Files = {}): Loaded {
  return loadSettings({
    path: 'bad.yaml',
    env,
    engines: ['sqlite'],
    readFile: filesInMemory({ ...files, 'bad.yaml': text }),
  });
}

export function settingsOf(text: string, env: Record<string, string> = {}): Settings {
  const loaded = load(text, env);
  if (!loaded.ok) throw new Error(loaded.errors.map((error) => error.text).join('\n'));
  return loaded.settings;
}

export const errorsOf = (loaded: Loaded): string =>
  loaded.ok ? '(no errors)' : `${loaded.errors.map((error) => error.text).join('\n')}\n`;
