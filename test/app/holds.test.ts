/** What operators may ask about holds, over all accounts of a process. */
import { describe, expect, test } from 'vitest';
import type { HoldRequest } from '../../src/domain/ports/operations-port.ts';
import { account, running } from './running.ts';

const minuteMs = 60_000;
/** Polled once a minute, so that hours pass quickly. */
const eachMinute = ", poll: {schedule: '0 * * * * *'}";
const twoAccounts = `accounts: [${account('main', eachMinute)}, ${account('second', eachMinute)}]\n`;
const groups = "groups: [{name: vip}, {name: sports, match: {cloudGroup: ['sports-*']}}]\n";
const maintenance =
  "maintenance: [{schedule: '0 30 0 * * *', timezone: UTC, for: 1h, match: {cloudGroup: vip}, reason: the CDN is updated}]\n";
const request = (target: HoldRequest['target'], more: Partial<HoldRequest> = {}): HoldRequest => ({
  account: 'main',
  target,
  author: 'ann',
  reason: 'why',
  ...more,
});

describe('a preview says what a hold would cover, and sets none', () => {
  test.each<[string, HoldRequest['target'], number]>([
    ['a group', { kind: 'group', group: 'vip' }, 24],
    ['titles', { kind: 'title', title: '央视体育*' }, 6],
    ['titles of nobody', { kind: 'title', title: 'nobody*' }, 0],
    // `default` has tasks too, and nobody keeps them.
    ['the account: managed tasks alone', { kind: 'account' }, 134],
  ])('%s', async (_what, target, covered) => {
    await using daemon = await running(twoAccounts + groups);
    await daemon.run(20);
    const { covers, first } = daemon.operations.previewHold({ account: 'main', target });
    expect([covers.tasks, first.length]).toEqual([covered, Math.min(20, covered)]);
    expect(first.toSorted((a, b) => Number(b.stopped) - Number(a.stopped))).toEqual(first);
    expect(daemon.operations.holds()).toEqual([]);
    const hold = await daemon.operations.addHold(request(target));
    const [added] = await daemon.operations.events({ types: ['hold-added'], limit: 1 });
    expect(added?.event).toMatchObject({ hold, covers });
  });
  test('of what is not there it is refused with the nearest name', async () => {
    await using daemon = await running(twoAccounts + groups);
    await daemon.run(20);
    const { previewHold } = daemon.operations;
    expect(() => previewHold({ account: 'main', target: { kind: 'group', group: 'vjp' } })).toThrow(/did you mean vip/);
    expect(() => previewHold({ target: { kind: 'account' } })).toThrow(/name the account: one of main, second/);
    expect(() => previewHold({ target: { kind: 'task', taskId: 'nobody' } })).toThrow(/no task nobody/);
  });
});

describe('a planned hold', () => {
  test('begins when it is meant to, and lasts from then on', async () => {
    await using daemon = await running(twoAccounts + groups);
    await daemon.run(20);
    const startsAt = daemon.clock.now() + 10 * minuteMs;
    const hold = await daemon.operations.addHold(
      request({ kind: 'group', group: 'vip' }, { startsAt, forMs: 30 * minuteMs }),
    );
    expect(hold).toMatchObject({ startsAt, endsAt: startsAt + 30 * minuteMs });
    expect(daemon.operations.holds().map(({ inForce }) => inForce)).toEqual([false]);
    await daemon.run(10 * 60);
    expect(daemon.operations.holds().map(({ inForce }) => inForce)).toEqual([true]);
    await daemon.run(30 * 60);
    expect(daemon.operations.holds()).toEqual([]);
  });
  test('one that would have begun already begins at once', async () => {
    await using daemon = await running(twoAccounts + groups);
    await daemon.run(20);
    const late = request({ kind: 'account' }, { startsAt: daemon.clock.now() - 1, forMs: minuteMs });
    expect((await daemon.operations.addHold(late)).startsAt).toBeUndefined();
  });
});

describe('a hold is extended, by its id or the beginning of it', () => {
  test('by a length from its end, or until a time; never to an earlier one', async () => {
    await using daemon = await running(twoAccounts + groups);
    await daemon.run(20);
    const { addHold, extendHold } = daemon.operations;
    const { id, endsAt = 0 } = await addHold(request({ kind: 'account' }, { forMs: 10 * minuteMs }));
    expect(await extendHold(id.slice(0, 4), { forMs: 5 * minuteMs }, 'bob')).toMatchObject({
      endsAt: endsAt + 5 * minuteMs,
    });
    expect(await extendHold(id, { endsAt: endsAt + 20 * minuteMs }, 'bob')).toMatchObject({
      endsAt: endsAt + 20 * minuteMs,
    });
    await expect(extendHold(id, { endsAt: endsAt + minuteMs }, 'bob')).rejects.toThrow(/already lasts until/);
    await expect(extendHold(id, { forMs: 400 * 24 * 60 * minuteMs }, 'bob')).rejects.toThrow(/at most 366 days/);
    await daemon.run(29 * 60);
    expect(daemon.operations.holds()).toHaveLength(1);
    await daemon.run(2 * 60);
    expect(daemon.operations.holds()).toEqual([]);
  });
  test('one without end has none to be extended, and one that is not there is not found', async () => {
    await using daemon = await running(twoAccounts + groups);
    await daemon.run(20);
    const { id } = await daemon.operations.addHold(request({ kind: 'account' }));
    await expect(daemon.operations.extendHold(id, { forMs: minuteMs }, 'bob')).rejects.toThrow(/has no end/);
    await expect(daemon.operations.extendHold('zzz', { forMs: minuteMs }, 'bob')).rejects.toThrow(/no hold zzz/);
  });
});

test('a hold of the configuration is listed for its account, applies on time, and is not removed by hand', async () => {
  await using daemon = await running(twoAccounts + groups + maintenance);
  await daemon.run(20);
  const shown = () =>
    daemon.operations.holds().map(({ id, account: name, inForce, covers }) => [id, name, inForce, covers.tasks]);
  expect(shown()).toEqual([
    ['maintenance-1', 'main', false, 24],
    ['maintenance-1', 'second', false, 24],
  ]);
  await expect(daemon.operations.removeHold('maintenance-1', 'bob')).rejects.toThrow(/is of the configuration/);
  const begin = Date.UTC(2026, 0, 5, 0, 30);
  await daemon.run((begin - daemon.clock.now()) / 1_000 + 7 * 60);
  expect(shown().map(([, , inForce]) => inForce)).toEqual([true, true]);
  // Every five minutes half of vip stops: meanwhile nothing is done about it.
  const [vip] = daemon.operations.status().groups;
  expect(vip).toMatchObject({ group: 'vip', down: 0, holds: 1, waiting: { held: vip?.states.stopped } });
  expect(vip?.states.stopped).toBeGreaterThan(9);
  await daemon.reload(twoAccounts + groups);
  expect(daemon.operations.holds()).toEqual([]);
});
