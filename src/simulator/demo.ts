/**
 * The demo world: about 200 tasks in five cloud groups, among which something happens every few seconds.
 *
 * What to expect of each group: `vip` is steady, but every five minutes a dozen of its tasks stop together (half of
 * it: a storm); `sports-1` and `sports-2` stop at random, and have the flappers; `news` has the incurable ones, and
 * tasks that start late or end soon; nobody keeps `default`: its tasks stop seldom and somebody in the console
 * starts them again after some minutes.
 */

import { demoKey } from './demo-key.ts';
import { type Life, steadyLife, type TaskPlan } from './pretend-task.ts';
import { draw, type Random, type Span, seeded } from './random.ts';
import { createWorld, likeVendor, type Vendor, type World } from './world.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Stops per task and hour: with 150 tasks that is about one every eight seconds. */
const stopsPerHour = 3;
/** The flappers, each at its place in `sports-1`. */
const survivesMs: readonly (Span | undefined)[] = [
  [30_000, 30_000],
  [120_000, 120_000],
  [300_000, 300_000],
];

interface DemoGroup {
  readonly name: string;
  readonly size: number;
  readonly words: readonly string[];
  readonly life: (index: number) => Partial<Life>;
}

const demoGroups: readonly DemoGroup[] = [
  {
    name: 'vip',
    size: 24,
    words: ['央视体育', '湖南卫视', '东方明珠', 'GalaxyOne'],
    life: () => ({ stopsPerHour: 0.5 }),
  },
  {
    name: 'sports-1',
    size: 60,
    words: ['英超', '西甲', '中超', 'NBA', 'CBA'],
    life: (index) => (survivesMs[index] ? { survivesMs: survivesMs[index] } : { stopsPerHour }),
  },
  { name: 'sports-2', size: 50, words: ['网球', '排球', '冰球', 'F1', 'UFC'], life: () => ({ stopsPerHour }) },
  {
    name: 'news',
    size: 40,
    words: ['财经早班车', '国际观察', '深圳新闻', 'CityNews'],
    life: (index) => (index < 4 ? { restartsInVain: Number.POSITIVE_INFINITY } : { stopsPerHour }),
  },
  {
    name: 'default',
    size: 26,
    words: ['测试流', '备用', 'Lab', '彩排'],
    life: () => ({ stopsPerHour: 0.5, returnsInMs: [3 * minuteMs, 10 * minuteMs] }),
  },
];

interface DemoOptions {
  readonly seed: number;
  readonly now: number;
  readonly like?: Vendor;
}

export function createDemoWorld({ seed, now, like = 'volcengine' }: DemoOptions): World {
  const random = seeded(seed, 'demo');
  return createWorld({
    seed,
    now,
    keys: [demoKey],
    cloudGroups: demoGroups.map(({ name }) => name),
    parameters: { ...likeVendor[like], latency: { uplinkMs: [10, 40], downlinkMs: [10, 40] } },
    tasks: demoGroups.flatMap((group) =>
      Array.from({ length: group.size }, (_, index) => demoTask(group, index, random, now)),
    ),
    plans: [
      { at: now + 90_000, everyMs: 5 * minuteMs, act: { kind: 'stop', cloudGroup: 'vip', count: 12 } },
      { at: now + 10 * minuteMs, everyMs: 10 * minuteMs, act: { kind: 'renew-ended', endedForMs: 5 * minuteMs } },
    ],
  });
}

function demoTask({ name, words, ...group }: DemoGroup, index: number, random: Random, now: number): TaskPlan {
  const [startsAt, endsAt] = demoTimes(name, index, random, now);
  const life = { ...steadyLife, ...group.life(index) };
  return {
    title: `${words[index % words.length]}${String(index + 1).padStart(2, '0')}`,
    cloudGroup: name,
    type: index % 7 === 6 ? 'vod' : 'live',
    startsAt,
    endsAt,
    life,
    // Something to heal at the first look: the incurable ones, and one task in ten of sports.
    stopped: life.restartsInVain > 0 || (name.startsWith('sports') && index % 10 === 5),
  };
}

/**
 * Most began on the day before and run for days: counted from midnight, so that a demo that is started again the same
 * day finds its tasks as they were, and not all of them edited. Some of `news` start late or end soon.
 */
function demoTimes(group: string, index: number, random: Random, now: number): readonly [number, number] {
  if (group === 'news' && index >= 34) return [now + (index - 32) * 2 * minuteMs, now + 6 * hourMs];
  if (group === 'news' && index >= 28) return [now - 2 * hourMs, now + (index - 26) * 2 * minuteMs];
  const midnight = now - (now % (24 * hourMs));
  return [midnight - draw(random) * 23 * hourMs, midnight + (48 + draw(random) * 90) * hourMs];
}
