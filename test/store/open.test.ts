import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StoreProblem } from '../../src/store/open.ts';
import { inlineSqlite, threadedSqlite } from '../../src/store/sqlite/dialect.ts';
import { found, nothing, record } from './shapes.ts';
import { opened, otherProcess, temporaryDirectory, temporaryFile } from './surroundings.ts';

/** A store with 500 records and events, closed: everything is in the one file. */
async function filled(file: string): Promise<void> {
  const store = await opened(file);
  const tasks = Array.from({ length: 500 }, (_, i) => record(`task-${i}`));
  await store.ledgerStore.save('main', { ...nothing, tasks, events: tasks.map(({ taskId }) => found(taskId)) });
  await store.close();
}

function inFile(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

const refusal = (file: string, options = {}) =>
  opened(file, options).then(
    () => 'opened',
    (error: unknown) => (error instanceof StoreProblem ? error.message : `not a StoreProblem: ${error}`),
  );

describe('a new store', () => {
  it('makes its directory and files for its user alone', async () => {
    const file = join(temporaryDirectory(), 'data', 'deep', 'relaykeeper.db');
    const { ledgerStore } = await opened(file);
    await ledgerStore.save('main', { ...nothing, tasks: [record('a')] });
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect([dirname(file), file, `${file}-wal`, `${file}.lock`].map(mode)).toEqual(['700', '600', '600', '600']);
  });

  it('flushes each commit to a write-ahead log, so that it survives a power cut', async () => {
    const file = temporaryFile();
    await filled(file);
    const sqlite = inlineSqlite(async () => {});
    await sqlite.ask('open', file, 'existing');
    const pragma = async (name: string) => (await sqlite.ask('query', `pragma ${name}`, [])).rows;
    // 2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous
    expect(await pragma('synchronous')).toEqual([{ synchronous: 2 }]);
    expect(await pragma('journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    await sqlite.close();
  });
});

it('a value that cannot cross to the thread fails what asked for it, and nothing else when the store closes', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const sqlite = threadedSqlite(() => {});
  await expect(sqlite.ask('query', 'select ?', [() => 1])).rejects.toThrow('could not be cloned');
  await sqlite.close();
  await new Promise(setImmediate);
  expect(unhandled).toEqual([]);
});

describe('a file that is no good is refused with one line', () => {
  it.each<[string, (file: string) => void, RegExp]>([
    ['empty', (file) => truncateSync(file, 0), /is only 0 bytes long, so its contents are lost.*mkdir old && mv/],
    ['cut in the middle', (file) => truncateSync(file, Math.floor(statSync(file).size / 2)), /is damaged \(.*mv /],
    ['cut inside its header', (file) => truncateSync(file, 60), /is only 60 bytes long, so its contents are lost/],
    ['no database', (file) => writeFileSync(file, 'hello world, '.repeat(1_000)), /is not a SQLite database/],
    [
      'another program’s',
      (file) => inFile(file, 'pragma application_id = 7'),
      /is a SQLite database of another program and is left alone/,
    ],
    [
      'a newer version’s',
      (file) => inFile(file, "update meta set value = '7' where key = 'schema-version'"),
      /was written by a newer relaykeeper \(schema version 7, this one knows up to 1\): run that version again/,
    ],
    ['corrupted', corrupt, /is damaged \(.*mkdir old && mv/],
  ])('%s', async (_, spoil, sentence) => {
    const file = temporaryFile();
    await filled(file);
    spoil(file);
    const before = readFileSync(file);
    const reported = await refusal(file);
    expect(reported).toMatch(sentence);
    expect(reported).toContain(file);
    expect(reported).not.toContain('\n');
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it.each([
    ['newer', "update meta set value = '7' where key = 'schema-version'"],
    ['another program', 'pragma application_id = 7'],
  ])('%s: by a look too', async (named, sql) => {
    const file = temporaryFile();
    await filled(file);
    inFile(file, sql);
    expect(await refusal(file, { readOnly: true })).toContain(named);
  });

  it('a directory in its place', async () => {
    const file = temporaryFile();
    mkdirSync(file);
    expect(await refusal(file)).toContain(`${file} is not a file`);
  });

  it('a file where its directory should be', async () => {
    const file = join(temporaryFile(), 'relaykeeper.db');
    writeFileSync(dirname(file), '');
    expect(await refusal(file)).toContain('a part of the path is a file, not a directory');
  });

  it('a link to nowhere is a missing file, and a look makes none', async () => {
    const file = temporaryFile();
    expect(await refusal(file, { readOnly: true })).toBe(
      `there is no store at ${file} yet: \`relaykeeper run\` creates one`,
    );
    symlinkSync('/nonexistent/there', file);
    expect(await refusal(file, { readOnly: true })).toContain('there is no store');
  });
});

/** Zeroes the pages in the second quarter. */
function corrupt(file: string): void {
  const bytes = readFileSync(file);
  bytes.fill(0, Math.floor(bytes.length / 4 / 4096) * 4096, Math.floor(bytes.length / 2 / 4096) * 4096);
  writeFileSync(file, bytes);
}

describe('without permission', () => {
  const nobody = 65_534;
  const uid = process.getuid?.() === 0 ? nobody : undefined;

  /** What another user gets to read (root may do everything, so root's tests ask as nobody). */
  async function reported(file: string): Promise<string | undefined> {
    return otherProcess('open', file, uid).line();
  }
  function give(path: string): void {
    if (uid !== undefined) chownSync(path, uid, uid);
  }

  it('to write the directory', async () => {
    const file = temporaryFile();
    chmodSync(dirname(file), 0o555);
    expect(await reported(file)).toMatch(/^StoreProblem: this user \(uid \d+\) may not write .*: chown -R \d+ /);
  });

  it('to write the file', async () => {
    const file = temporaryFile();
    await filled(file);
    for (const path of [dirname(file), file, `${file}.lock`]) give(path);
    chmodSync(file, 0o400);
    expect(await reported(file)).toContain(`may not write ${file}: chown`);
    chmodSync(file, 0o600);
    expect(await reported(file)).toBe('opened, up: true');
  });

  it('to use the lock', async () => {
    const file = temporaryFile();
    await filled(file);
    for (const path of [dirname(file), file, `${file}.lock`]) give(path);
    chmodSync(`${file}.lock`, 0o000);
    expect(await reported(file)).toMatch(/^StoreProblem: /);
  });
});

describe('no space left', () => {
  const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

  it.skipIf(!canMount)('nothing is written by half, it is said, and it works again once there is space', async () => {
    const directory = temporaryDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    onTestFinished(() => void execFileSync('umount', ['-l', directory]));
    const file = join(directory, 'relaykeeper.db');
    const store = await opened(file);
    await store.ledgerStore.save('main', { ...nothing, tasks: [record('kept', 1)] });

    const big = Array.from({ length: 3_000 }, (_, i) => record(`big-${i}`));
    const refused = await store.ledgerStore
      .save('main', { ...nothing, tasks: [record('kept', 2), ...big], events: [found('kept')] })
      .catch((error: unknown) => error);
    expect(String(refused)).toMatch(/^StoreProblem: no space is left for .*: free some/);
    expect(store.failingSince()).toBeDefined();
    expect(store.traces.at(-1)).toMatchObject({ operation: 'save', error: refused });
    // Reading goes on, and hides nothing.
    expect((await store.ledgerStore.load('main', 0)).tasks).toEqual([record('kept', 1)]);
    expect(await store.history.events({ limit: 10 })).toEqual([]);
    expect(store.failingSince()).toBeDefined();

    execFileSync('mount', ['-o', 'remount,size=32m', directory]);
    await store.ledgerStore.save('main', { ...nothing, tasks: [record('kept', 2), ...big] });
    expect(store.failingSince()).toBeUndefined();
    expect((await store.ledgerStore.load('main', 0)).tasks).toHaveLength(3_001);
  });

  it.skipIf(!canMount)('at the start', async () => {
    const directory = temporaryDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', directory]);
    onTestFinished(() => void execFileSync('umount', ['-l', directory]));
    expect(await refusal(join(directory, 'relaykeeper.db'))).toMatch(/^no space is left for/);
  });
});
