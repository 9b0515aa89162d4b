/**
 * `npm run generate`: writes rules, runbooks, dashboard and the README's tables anew from their sources.
 * With `--check` it writes nothing, and fails if a file is not as it would be written.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedFiles, onDisk } from './generated-files.ts';

const root = join(import.meta.dirname, '../..');
const stale = generatedFiles(root).filter(({ path, text }) => onDisk(root, path) !== text);
if (process.argv.includes('--check')) {
  for (const { path } of stale) console.error(`${path} is stale: run \`npm run generate\` and commit what it writes`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { path, text } of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}
