/** Every `.bad` file of test/settings/bad gives exactly the text of the `.expected` beside it. (Not named .yaml: formatters would mend them.) */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { errorsOf, load } from './support.ts';

const folder = new URL('./bad/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.bad'));
const env = { AK: 'AKLTfromEnvironment', SK: 'secret-from-environment', LISTEN: 'secret-in-the-wrong-variable' };
const files = { id: 'AKLTfromFile\n', empty: '\n', short: 'short-token' };

describe('a bad file is reported with its place, the text and what to do', () => {
  test('there are files', () => expect(names.length).toBeGreaterThan(30));
  test.each(names)('%s', (name) => {
    const loaded = load(readFileSync(new URL(name, folder)), env, files);
    const expected = readFileSync(new URL(name.replace(/bad$/, 'expected'), folder), 'utf8');
    expect(errorsOf(loaded)).toBe(expected);
  });
});
