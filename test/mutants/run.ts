/**
 * `npm run mutants [-- part of a name]`: applies each fault of mutants.txt to a copy of the sources and lets the swarm
 * find it, or the table, or the pairs of histories that the list names. A survivor means that a law or a row is missing.
 * Not part of `npm test`: it takes minutes.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, type Mutant, misplaced, mutants } from './list.ts';

const root = join(import.meta.dirname, '../..');
const mostSeeds = 200;
/** The swarm, and where the tables are that mutants name. */
const tested = ['sim', 'domain', 'keeper', 'app', 'cloud'].map((name) => `test/${name}`);

async function copy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relaykeeper-mutants-'));
  for (const path of ['src', ...tested, 'package.json', 'vitest.config.ts'])
    await cp(join(root, path), join(folder, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

async function run(folder: string, args: readonly string[]): Promise<string> {
  const play = spawn(process.execPath, args, { cwd: folder });
  let text = '';
  const read = (piece: Buffer) => {
    text += piece;
  };
  play.stdout.on('data', read);
  play.stderr.on('data', read);
  await new Promise((resolve) => play.on('close', resolve));
  return text;
}

/** What caught it, or undefined. */
async function caught(folder: string, { by = '' }: Mutant): Promise<string | undefined> {
  const [, replicas, kind] = /^(three replicas)?(?:(?:, )?pairs of: (.*))?$/.exec(by) ?? [by];
  if (by !== '' && replicas === undefined && kind === undefined) {
    const text = await run(folder, ['node_modules/vitest/vitest.mjs', 'run', by]);
    if (/Tests .*\d+ failed/.test(text)) return by;
    if (/Tests .*\d+ passed/.test(text)) return undefined;
    throw new Error(`the table did not run:\n${text.slice(-2_000)}`);
  }
  // One seed of the swarm in five has three replicas.
  const seeds = ['--seeds', `1-${(replicas ? 5 : 1) * mostSeeds}`];
  const how = kind ? ['--non-interference', '--kind', kind, '--pairs', `${mostSeeds}`] : seeds;
  const text = await run(folder, ['test/sim/run.ts', ...how, ...(replicas ? ['--replicas', '3'] : [])]);
  const found = kind ? /^[^|]*, seed (\d+): (.*)$/m.exec(text) : /^seed (\d+) FAILED: (.*)$/m.exec(text);
  if (found) return `seed ${found[1]}: ${found[2]?.slice(0, 160)}`;
  if (/ 0 (failed|violations)/.test(text)) return undefined;
  throw new Error(`the swarm did not run:\n${text.slice(-2_000)}`);
}

async function apply(folder: string, name: string, { file, from, to }: Change): Promise<() => Promise<void>> {
  const path = join(folder, file);
  const text = await readFile(path, 'utf8');
  const wrong = misplaced(name, { file, from }, text);
  if (wrong) throw new Error(wrong);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
  return () => writeFile(path, text);
}

async function tryOne(folder: string, mutant: Mutant): Promise<boolean> {
  const { name, changes } = mutant;
  const takeBack: (() => Promise<void>)[] = [];
  try {
    for (const change of changes) takeBack.unshift(await apply(folder, name, change));
    const catcher = await caught(folder, mutant);
    if (catcher) console.log(`caught    ${name}\n          ${catcher}`);
    else console.log(`SURVIVED  ${name} (${changes.map(({ file }) => file).join(', ')})`);
    return catcher !== undefined;
  } finally {
    for (const back of takeBack) await back();
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
