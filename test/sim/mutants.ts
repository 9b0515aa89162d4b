/**
 * `npm run mutants [-- part of a name]`: applies each deliberate fault to a copy of the sources and lets the swarm
 * find it. A survivor means that an invariant is missing. Not part of `npm test`: it takes some minutes.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, mutants } from './mutant-list.ts';

const root = join(import.meta.dirname, '../..');
const mostSeeds = 200;

async function copy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relaykeeper-mutants-'));
  await mkdir(join(folder, 'test/domain'), { recursive: true });
  for (const path of ['src', 'test/sim', 'test/domain/story.ts', 'package.json'])
    await cp(join(root, path), join(folder, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The seed that caught it and why, or undefined. */
async function caught(folder: string): Promise<{ readonly seed: number; readonly why: string } | undefined> {
  const play = spawn(process.execPath, ['test/sim/run.ts', '--seeds', `1-${mostSeeds}`], { cwd: folder });
  let text = '';
  play.stdout.on('data', (piece) => {
    text += piece;
  });
  play.stderr.on('data', (piece) => {
    text += piece;
  });
  await new Promise((resolve) => play.on('close', resolve));
  const found = /^seed (\d+) FAILED: (.*)$/m.exec(text);
  if (found) return { seed: Number(found[1]), why: found[2] ?? '' };
  if (/ 0 failed/.test(text)) return undefined;
  throw new Error(`the swarm did not run:\n${text.slice(-2_000)}`);
}

async function tryOne(folder: string, { name, file, from, to }: Mutant): Promise<boolean> {
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
    const catcher = await caught(folder);
    if (catcher) console.log(`caught    ${name}\n          seed ${catcher.seed}: ${catcher.why.slice(0, 160)}`);
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
