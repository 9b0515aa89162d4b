import { describe, expect, test } from 'vitest';
import type { Life } from '../../src/simulator/pretend-task.ts';
import { addFault, advance, createWorld, perform, type World } from '../../src/simulator/world.ts';
import { ask, aTask, aWorld, hour, list, minute, outcome, restartOf, second, status, t0 } from './signed.ts';

const worldOf = (life: Partial<Life>, stopped = false): World => aWorld({ tasks: [aTask('one', { life, stopped })] });
const restart = (world: World, now: number) => outcome(ask(world, restartOf('one'), now));
/** Statuses at these seconds after t0. */
const statuses = (world: World, ...seconds: number[]) => seconds.map((s) => status(world, 'one', t0 + s * second));

describe('lives', () => {
  test('start and end come by the clock', () => {
    const world = aWorld({ tasks: [aTask('one', { startsAt: t0 + 60_000, endsAt: t0 + 120_000 })] });
    expect(statuses(world, 0, 59, 60, 119, 120)).toEqual(['未开始', '未开始', '生效中', '生效中', '已结束']);
  });

  test('the clock that counts is the cloud’s', () => {
    const world = aWorld({ tasks: [aTask('one', { startsAt: t0 + hour })], parameters: { clockOffsetMs: hour } });
    const reply = ask(world, { action: 'ListPullToPushTaskV2', signedAt: t0 + hour }, t0);
    expect(reply.kind === 'response' && reply.body.includes('生效中')).toBe(true);
  });

  test('by a clock that is ten minutes slow a task starts ten minutes later, and its survival counts from then', () => {
    const life = { survivesMs: [30_000, 30_000] } as const;
    const world = aWorld({
      tasks: [aTask('one', { startsAt: t0, life })],
      parameters: { clockOffsetMs: -10 * minute },
    });
    expect(statuses(world, 599, 600, 629, 630)).toEqual(['未开始', '生效中', '生效中', '停用']);
  });

  test('a restart takes effect after its time, not before, and the task then stays', () => {
    const world = worldOf({ startsInMs: [4_000, 4_000] }, true);
    expect(restart(world, t0)).toBe('200 ok');
    expect(statuses(world, 0, 3.999, 4, 3600)).toEqual(['停用', '停用', '生效中', '生效中']);
  });

  test('without more being said it takes 2 to 8 seconds', () => {
    const world = aWorld({ tasks: Array.from({ length: 100 }, (_, n) => aTask(`t${n}`, { stopped: true })) });
    for (let n = 0; n < 100; n += 1) ask(world, restartOf(`t${n}`), t0);
    const active = (s: number) => list(world, t0 + s * second).filter(({ Status }) => Status === '生效中').length;
    const [before, halfway, after] = [active(1.999), active(5), active(8.001)];
    expect([before, after]).toEqual([0, 100]);
    expect(halfway).toBeGreaterThan(30);
    expect(halfway).toBeLessThan(70);
  });

  test('a second restart while it starts is accepted and neither hurries nor delays it', () => {
    const world = worldOf({ startsInMs: [5_000, 5_000] }, true);
    restart(world, t0);
    expect(restart(world, t0 + 3_000)).toBe('200 ok');
    expect(statuses(world, 4.9, 5)).toEqual(['停用', '生效中']);
    expect(world.tasks.get('one')?.restarts).toBe(2);
  });

  test('before StartTime a restarted task is not started, then active', () => {
    const world = aWorld({
      tasks: [aTask('one', { startsAt: t0 + minute, stopped: true, life: { startsInMs: [0, 0] } })],
    });
    restart(world, t0);
    expect(statuses(world, 1, 60)).toEqual(['未开始', '生效中']);
  });

  test('a flapper survives its time after each restart, counted from StartTime at the earliest', () => {
    const world = worldOf({ startsInMs: [1_000, 1_000], survivesMs: [30_000, 30_000] });
    expect(statuses(world, 29, 30)).toEqual(['生效中', '停用']);
    restart(world, t0 + 40_000);
    expect(statuses(world, 41, 70, 71, 7200)).toEqual(['生效中', '生效中', '停用', '停用']);
    const late = aWorld({ tasks: [aTask('one', { startsAt: t0 + minute, life: { survivesMs: [30_000, 30_000] } })] });
    expect(statuses(late, 59, 89, 90)).toEqual(['未开始', '生效中', '停用']);
  });

  test('an incurable one accepts every restart and stays stopped; another yields to the third', () => {
    const incurable = worldOf({ restartsInVain: Number.POSITIVE_INFINITY }, true);
    for (let n = 0; n < 20; n += 1) expect(restart(incurable, t0 + n * minute)).toBe('200 ok');
    expect(statuses(incurable, 7200)).toEqual(['停用']);
    const stubborn = worldOf({ restartsInVain: 2, startsInMs: [0, 0] }, true);
    const after = [0, 60, 120].map((s) => [restart(stubborn, t0 + s * second), ...statuses(stubborn, s + 1)][1]);
    expect(after).toEqual(['停用', '停用', '生效中']);
  });

  test('tasks that stop by chance do so at their rate', () => {
    const tasks = Array.from({ length: 400 }, (_, n) => aTask(`t${n}`, { life: { stopsPerHour: 1 } }));
    const stopped = list(aWorld({ tasks }), t0 + hour).filter(({ Status }) => Status === '停用').length;
    // 1 − 1/e of 400 is 253; five standard deviations of 9.6 on either side.
    expect(stopped).toBeGreaterThan(205);
    expect(stopped).toBeLessThan(301);
  });

  test('somebody outside may start it again', () => {
    const world = worldOf({ survivesMs: [10_000, 10_000], returnsInMs: [5_000, 5_000] });
    expect(statuses(world, 9, 10, 14, 15, 24, 25, 30)).toEqual([
      '生效中',
      '停用',
      '停用',
      '生效中',
      '生效中',
      '停用',
      '生效中',
    ]);
  });

  test('a stop and a start by hand', () => {
    const world = worldOf({});
    perform(world, { kind: 'stop', taskId: 'one' });
    expect(statuses(world, 0)).toEqual(['停用']);
    perform(world, { kind: 'start', taskId: 'one' });
    expect(statuses(world, 1)).toEqual(['生效中']);
  });

  test('edits show at once: title, times, source, cloud group', () => {
    const world = worldOf({});
    const change = {
      title: '新标题9',
      endsAt: t0 + hour,
      sources: ['rtmp://other.example.com/live/b'],
      cloudGroup: 'vip',
    };
    perform(world, { kind: 'edit', taskId: 'one', change });
    const [item] = list(world, t0);
    expect(item).toMatchObject({ Title: '新标题9', GroupName: 'vip', SrcAddr: 'rtmp://other.example.com/live/b' });
    expect(Date.parse(String(item?.EndTime))).toBe(t0 + hour);
    const inGroup = (name: string) => list(world, t0, { GroupNames: [name] }).length;
    expect([inGroup('default'), inGroup('vip')]).toEqual([0, 1]);
    const wrongGroup = restartOf('one', { body: { TaskId: 'one', GroupName: 'default' } });
    expect(outcome(ask(world, wrongGroup, t0))).toBe('404 ResourceNotFound');
  });

  test('a deleted task is gone, a created one leads the list', () => {
    const world = worldOf({});
    perform(world, { kind: 'create', task: aTask('two') });
    expect(list(world, t0).map(({ TaskId }) => TaskId)).toEqual(['two', 'one']);
    perform(world, { kind: 'delete', taskId: 'one' });
    expect(list(world, t0).map(({ TaskId }) => TaskId)).toEqual(['two']);
    expect(outcome(ask(world, restartOf('one'), t0))).toBe('404 ResourceNotFound');
  });

  test.each([
    ['an empty title', { title: '' }],
    ['a title of 21 characters', { title: 'a'.repeat(21) }],
    ['a title with a space', { title: 'a b' }],
    ['a task of more than seven days', { endsAt: t0 + 8 * 24 * hour }],
    ['an end before the start', { endsAt: t0 - 2 * hour }],
  ])('the vendor’s rules hold for the test’s own tasks: %s', (_, change) => {
    expect(() => aWorld({ tasks: [aTask('one', change)] })).toThrow();
    const world = worldOf({});
    expect(() => perform(world, { kind: 'edit', taskId: 'one', change })).toThrow();
    expect(list(world, t0)[0]?.Title).toBe('任务one');
  });

  test('plans run in the order of their times, whatever the steps of the clock', () => {
    const run = (steps: readonly number[]) => {
      const world = createWorld({
        seed: 3,
        now: t0,
        keys: [],
        tasks: Array.from({ length: 30 }, (_, n) => aTask(`t${n}`, { life: { returnsInMs: [20_000, 90_000] } })),
        plans: [
          { at: t0 + 10_000, everyMs: 30_000, act: { kind: 'stop', count: 4 } },
          { at: t0 + 45_000, act: { kind: 'delete', taskId: 't3' } },
        ],
      });
      for (const step of steps) advance(world, t0 + step * second);
      return [...world.tasks.values()].map(({ taskId, phase }) => ({ taskId, phase }));
    };
    const coarse = run([300]);
    expect(coarse).toHaveLength(29);
    expect(run(Array.from({ length: 300 }, (_, n) => n + 1))).toEqual(coarse);
  });

  test('ended tasks are renewed under their title', () => {
    const world = aWorld({ tasks: [aTask('one', { endsAt: t0 + minute, cloudGroup: 'vip' })] });
    advance(world, t0 + 5 * minute);
    perform(world, { kind: 'renew-ended', endedForMs: 3 * minute });
    const items = list(world, t0 + 8 * minute);
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ Title: '任务one', GroupName: 'vip', Status: '生效中' });
    expect(items[0]?.TaskId).not.toBe('one');
  });

  test('one seed, one history: the same calls give the same answers, byte for byte; another seed does not', () => {
    const history = (seed: number) => {
      const world = aWorld({
        seed,
        tasks: Array.from({ length: 20 }, (_, n) => aTask(`t${n}`, { life: { stopsPerHour: 60 } })),
        parameters: { latency: { uplinkMs: [10, 90], downlinkMs: [10, 90] } },
      });
      addFault(world, { effect: { kind: 'error', code: 'InternalError' }, probability: 0.3 });
      return Array.from({ length: 40 }, (_, n) =>
        ask(world, n % 3 ? { action: 'ListPullToPushTaskV2' } : restartOf(`t${n % 20}`), t0 + n * 700),
      );
    };
    expect(history(7)).toEqual(history(7));
    expect(history(7)).not.toEqual(history(8));
  });

  test('looking more often, or in another order, changes no life', () => {
    const life = { stopsPerHour: 120, returnsInMs: [1_000, 60_000] as const };
    const two = () => aWorld({ tasks: [aTask('one', { life }), aTask('two', { life })] });
    const rarely = two();
    const often = two();
    for (let s = 1; s < 1000; s += 1) status(often, s % 2 ? 'one' : 'two', t0 + s * second);
    for (const id of ['two', 'one'])
      expect(status(often, id, t0 + 1000 * second)).toBe(status(rarely, id, t0 + 1000 * second));
    expect(often.tasks.get('one')?.stops).toBe(rarely.tasks.get('one')?.stops);
    expect(rarely.tasks.get('one')?.stops).toBeGreaterThan(3);
  });
});
