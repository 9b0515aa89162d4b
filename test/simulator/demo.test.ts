import { describe, expect, test } from 'vitest';
import { createDemoWorld } from '../../src/simulator/demo.ts';
import { demoKey } from '../../src/simulator/demo-key.ts';
import { advance, statusNow, type World } from '../../src/simulator/world.ts';
import { ask, envelope, hour, type Listed, minute, second, t0 } from './signed.ts';

const listed = (world: World, now: number): readonly Listed[] =>
  envelope(ask(world, { action: 'ListPullToPushTaskV2', body: { Size: 500 }, key: demoKey }, now)).Result?.List ?? [];
const countOf = (items: readonly Listed[], status: string, group?: string) =>
  items.filter(({ Status, GroupName }) => Status === status && (group === undefined || GroupName === group)).length;

/** Restarts whatever is stopped outside `default` every 15 s, and returns how many stops were seen in each round. */
function keepAlive(world: World, forMs: number): number[] {
  const perRound: number[] = [];
  for (let now = t0; now < t0 + forMs; now += 15 * second) {
    const stopped = listed(world, now).filter(({ Status, GroupName }) => Status === '停用' && GroupName !== 'default');
    perRound.push(stopped.length);
    stopped.forEach(({ TaskId }, n) => {
      ask(world, { action: 'RestartPullToPushTask', body: { TaskId }, key: demoKey }, now + (n + 1) * 110);
    });
  }
  return perRound;
}

describe('the demo world', () => {
  test('has 200 tasks in five cloud groups, of every status soon or later', () => {
    const items = listed(createDemoWorld({ seed: 1, now: t0 }), t0);
    expect(items).toHaveLength(200);
    expect(new Set(items.map(({ GroupName }) => GroupName))).toEqual(
      new Set(['vip', 'sports-1', 'sports-2', 'news', 'default']),
    );
    expect(new Set(items.map(({ Title }) => Title)).size).toBe(200);
    expect([countOf(items, '停用'), countOf(items, '未开始')]).toEqual([4 + 6 + 5, 6]);
    // Six tasks of `news` end after 4, 6, … 14 minutes.
    expect(countOf(listed(createDemoWorld({ seed: 1, now: t0 }), t0 + 9 * minute), '已结束')).toBe(3);
  });

  test.each([1, 2, 3])(
    'left alone it decays: about one stop every eight seconds, more at a storm (seed %i)',
    (seed) => {
      const world = createDemoWorld({ seed, now: t0 });
      const before = countOf(listed(world, t0), '停用');
      const stopped = countOf(listed(world, t0 + 80 * second), '停用') - before;
      expect(stopped).toBeGreaterThanOrEqual(4);
      expect(stopped).toBeLessThanOrEqual(25);
      expect(countOf(listed(world, t0 + 91 * second), '停用', 'vip')).toBeGreaterThanOrEqual(12);
    },
  );

  test('kept alive, it heals between its storms, all but the four incurable ones; something happens in most minutes', () => {
    const world = createDemoWorld({ seed: 1, now: t0 });
    const rounds = keepAlive(world, hour / 2);
    const minutes = Array.from({ length: 30 }, (_, n) =>
      rounds.slice(4 * n, 4 * n + 4).reduce((sum, some) => sum + some - 4, 0),
    );
    expect(minutes.filter((stops) => stops > 0).length).toBeGreaterThan(26);
    expect(rounds.filter((stops) => stops >= 12 + 4).length).toBeGreaterThanOrEqual(5);
    const tasks = [...world.tasks.values()];
    expect(
      tasks
        .filter(({ life }) => !Number.isFinite(life.restartsInVain))
        .every((task) => statusNow(world, task) === '停用'),
    ).toBe(true);
    expect(world.arrivals.throttled).toBe(0);
  });

  test('after days there are still tasks that run', () => {
    const world = createDemoWorld({ seed: 1, now: t0 });
    advance(world, t0 + 14 * 24 * hour);
    const items = listed(world, t0 + 14 * 24 * hour);
    expect(items).toHaveLength(200);
    expect(countOf(items, '已结束')).toBeLessThan(20);
  });
});
