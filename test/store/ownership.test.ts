import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { found, nothing, record } from './shapes.ts';
import { opened, otherProcess, temporaryFile } from './surroundings.ts';

const forever = new AbortController().signal;

describe('two processes on one file', () => {
  it('the second stands by, reads, writes nothing, and takes over within 2 s of a kill -9', async () => {
    const file = temporaryFile();
    const owner = otherProcess('save', file);
    expect(await owner.line()).toBe('epoch 1');
    expect(await owner.line()).toBe('saved 1');

    const standby = await opened(file, { threaded: true });
    expect(standby.failingSince()).toBeUndefined();
    expect(standby.ownership.remainingMs('main')).toBe(0);
    expect(standby.fingerprintKey).toMatch(/^[0-9a-f]{64}$/);
    expect((await standby.ledgerStore.load('main', 0)).tasks).toHaveLength(300);
    await expect(standby.ledgerStore.save('main', { ...nothing, tasks: [record('mine')] })).rejects.toThrow(
      `another process owns ${file}`,
    );
    expect(await standby.prune(Date.now())).toBe(0);

    let taken = false;
    const taking = standby.ownership.acquire('main', forever).then((ownership) => {
      taken = true;
      return ownership;
    });
    await systemClock.sleep(1_200);
    expect(taken).toBe(false);

    await owner.kill();
    const { epoch, lost } = await taking;
    expect([epoch, lost.aborted]).toEqual([2, false]);
    expect(standby.ownership.remainingMs('main')).toBe(Number.POSITIVE_INFINITY);
    await standby.ledgerStore.save('main', { ...nothing, tasks: [record('mine')] });
    expect(standby.failingSince()).toBeUndefined();
  });

  it('what was acknowledged before a kill -9 is there, and nothing is there by half', async () => {
    const file = temporaryFile();
    for (let epoch = 1; epoch <= 4; epoch++) {
      const owner = otherProcess('save', file);
      expect(await owner.line()).toBe(`epoch ${epoch}`);
      let acknowledged = 0;
      // Killed in the middle of what follows, each time a little later.
      while (acknowledged < epoch * 3) acknowledged = Number((await owner.line())?.replace('saved ', ''));
      await systemClock.sleep(epoch);
      owner.process.kill('SIGKILL');
      for (let line = await owner.line(); line?.startsWith('saved '); line = await owner.line()) {
        acknowledged = Number(line.replace('saved ', ''));
      }

      const reader = await opened(file, { readOnly: true });
      const { tasks } = await reader.ledgerStore.load('main', 0);
      const [newest] = await reader.history.events({ limit: 1 });
      const saves = new Set(tasks.map(({ attempts }) => attempts));
      expect(saves.size).toBe(1);
      const [saved = 0] = saves;
      expect(newest?.event).toMatchObject({ taskId: `save-${epoch}-${saved}` });
      expect(saved).toBeGreaterThanOrEqual(acknowledged);
      await reader.close();
    }
  });
});

describe('ownership', () => {
  it('covers all accounts of the file at once, and counts an epoch each time it is taken', async () => {
    const file = temporaryFile();
    for (const expected of [1, 2, 3]) {
      const store = await opened(file);
      const [one, two] = await Promise.all([
        store.ownership.acquire('one', forever),
        store.ownership.acquire('two', forever),
      ]);
      expect([one.epoch, two.epoch]).toEqual([expected, expected]);
      await store.close();
      expect(one.lost.aborted).toBe(true);
      expect(store.ownership.remainingMs('one')).toBe(0);
    }
  });

  it('is taken by a standby when the owner closes; waiting ends at once with its signal', async () => {
    const file = temporaryFile();
    const owner = await opened(file);
    const standby = await opened(file);
    const giveUp = new AbortController();
    const waiting = standby.ownership.acquire('main', giveUp.signal);
    giveUp.abort(new Error('shutting down'));
    await expect(waiting).rejects.toThrow('shutting down');
    await owner.close();
    expect(await standby.ownership.acquire('main', forever)).toMatchObject({ epoch: 2 });
    await standby.ledgerStore.save('main', { ...nothing, events: [found('a')] });
  });

  it('keeps the fingerprint key for life', async () => {
    const file = temporaryFile();
    const first = await opened(file);
    await first.close();
    const second = await opened(file);
    expect(second.fingerprintKey).toEqual(first.fingerprintKey);
    expect((await opened(temporaryFile())).fingerprintKey).not.toEqual(first.fingerprintKey);
  });

  it.each([
    ['database is moved away', (file: string) => renameSync(file, `${file}.away`), 'was moved, deleted or replaced'],
    ['database is deleted', (file: string) => rmSync(file), 'was moved, deleted or replaced'],
    [
      'database is replaced',
      (file: string) => {
        copyFileSync(file, `${file}.copy`);
        renameSync(`${file}.copy`, file);
      },
      'was moved, deleted or replaced',
    ],
    ['lock is deleted', (file: string) => rmSync(`${file}.lock`), 'another process could act at the same time'],
  ])('is lost when the %s under its feet: nothing is saved any more', async (_, disturb, sentence) => {
    const file = temporaryFile();
    const store = await opened(file);
    const { lost } = await store.ownership.acquire('main', forever);
    await store.ledgerStore.save('main', { ...nothing, tasks: [record('a')] });
    disturb(file);
    await expect(store.ledgerStore.save('main', { ...nothing, tasks: [record('b')] })).rejects.toThrow(sentence);
    expect([lost.aborted, store.ownership.remainingMs('main')]).toEqual([true, 0]);
    expect(store.failingSince()).toBeDefined();
  });
});
