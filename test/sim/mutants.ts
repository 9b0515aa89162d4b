/**
 * `npm run mutants [-- part of a name]`: applies each deliberate fault to a copy of the sources and lets the swarm
 * find it, or the table test that the list names. A survivor means that a law or a row is missing. Not part of `npm test`: it takes some minutes.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, mutants } from './mutant-list.ts';

const root = join(import.meta.dirname, '../..');
const mostSeeds = 200;
/** Where the tests are that mutants name. */
const tables = ['sim', 'domain', 'keeper', 'app', 'cloud'].map((name) => `test/${name}`);

async function copy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relaykeeper-mutants-'));
  for (const path of ['src', ...tables, 'package.json', 'vitest.config.ts'])
    await cp(join(root, path), join(folder, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

async function run(folder: string, args: readonly string[]): Promise<string> {
  const play = spawn(process.execPath, args, { cwd: folder });
  let text = '';
  play.stdout.on('data', (piece) => {
    text += piece;
  });
  play.stderr.on('data', (piece) => {
    text += piece;
  });
  await new Promise((resolve) => play.on('close', resolve));
  return text;
}

/** What caught it, or undefined. */
async function caught(folder: string, { caughtBy: table, kind }: Mutant): Promise<string | undefined> {
  if (table !== undefined) {
    const text = await run(folder, ['node_modules/vitest/vitest.mjs', 'run', table]);
    if (/Tests .*\d+ failed/.test(text)) return table;
    if (/Tests .*\d+ passed/.test(text)) return undefined;
    throw new Error(`the table did not run:\n${text.slice(-2_000)}`);
  }
  const how = kind ? ['--non-interference', '--kind', kind, '--pairs', `${mostSeeds}`] : ['--seeds', `1-${mostSeeds}`];
  const text = await run(folder, ['test/sim/run.ts', ...how]);
  const found = kind ? /^.*, seed (\d+): (.*)$/m.exec(text) : /^seed (\d+) FAILED: (.*)$/m.exec(text);
  if (found) return `seed ${found[1]}: ${found[2]?.slice(0, 160)}`;
  if (/ 0 (failed|violations)/.test(text)) return undefined;
  throw new Error(`the swarm did not run:\n${text.slice(-2_000)}`);
}

async function tryOne(folder: string, mutant: Mutant): Promise<boolean> {
  const { name, file, from, to } = mutant;
  const path = join(folder, file);
  const text = await readFile(path, 'utf8');
  const times = text.split(from).length - 1;
  if (times !== 1)
    throw new Error(`"${name}": its text stands ${times} times in ${file}, and must stand once:\n${from}`);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
  try {
    const catcher = await caught(folder, mutant);
    if (catcher) console.log(`caught    ${name}\n          ${catcher}`);
    else console.log(`SURVIVED  ${name} (${file})`);
    return catcher !== undefined;
  } finally {
    await writeFile(path, text);
  }
}

const wanted = process.argv.slice(2).join(' ');
const chosen = mutants.filter(({ name }) => name.includes(wanted));
const folder = await copy();
try {
  let survivors = 0;
  for (const mutant of chosen) if (!(await tryOne(folder, mutant))) survivors++;
  console.log(`\n${chosen.length - survivors} of ${chosen.length} caught within ${mostSeeds} seeds`);
  if (survivors > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
