/**
 * How soon all that a restart helps run again when many stop, or after the cloud refused them for long: the production
 * keeper, rules, limiter and client on a virtual clock, beside what an independent prototype gave for the same story. The
 * bounds are a third above its figures, as agreed, where the text gives no sharper one.
 */
import { expect, test } from 'vitest';
import { begin, policiesOf } from '../domain/story.ts';
import { defaultPolicy, policyNamed, Stage, type StageOptions, tasks } from './stage.ts';

const usual = policiesOf(defaultPolicy);
const third = 1.34;
const incurable = { restartsInVain: Number.POSITIVE_INFINITY };

/** All of these stop; of some of them no restart helps. */
function stopAll(stage: Stage, taskIds: readonly string[], isDead = (_index: number) => false): void {
  for (const [index, taskId] of taskIds.entries()) {
    if (isDead(index)) stage.act({ kind: 'edit', taskId, change: { life: incurable } });
    stage.act({ kind: 'stop', taskId });
  }
}

/** So many, which are others with each seed. */
const plain =
  (count: number) =>
  (seed: number): StageOptions => ({ policies: usual, seed, tasks: tasks(count, {}, `s${seed}x`) });

/** A stage that has run for a while with everything active. */
async function settledStage(options: StageOptions) {
  const stage = new Stage(options);
  await stage.run(100);
  return { stage, ids: [...stage.world.tasks.keys()] };
}

const median = (figures: readonly number[]): number =>
  figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;

const groups = Array.from({ length: 100 }, (_, index) => policyNamed(`g${index}`));
const grouped = (): StageOptions => ({
  policies: policiesOf(...groups),
  tasks: groups.flatMap(({ name }) => tasks(3, { cloudGroup: name }, `${name}x`)),
});
const slowToStart = (): StageOptions => ({
  policies: usual,
  roundTripMs: 40,
  tasks: tasks(1_000, { life: { startsInMs: [2_000, 8_000] } }),
});
const none = () => false;
test.each<[string, (seed: number) => StageOptions, number, (index: number) => boolean, number, number]>([
  // name, tasks, stopped, which of them are incurable, seeds, healed within (of the curable ones)
  ['200 of 300 stop, curable', plain(300), 200, none, 1, 80], // prototype: about 60 s
  ['the same, 30 % incurable', plain(300), 200, (index) => (index * 7919) % 100 < 30, 3, 65 * third],
  ['the same, 60 % incurable', plain(300), 200, (index) => (index * 7919) % 100 < 60, 3, 200 * third],
  ['the same, the first 100 incurable', plain(300), 200, (index) => index < 100, 3, 73 * third],
  ['3 tasks, all down: about 14 s', plain(3), 3, none, 1, 25],
  ['100 groups of 3, all down', grouped, 300, none, 1, 76 * third],
  ['the same, the first 33 groups incurable', grouped, 300, (index) => index < 99, 1, 140 * third],
  // 2.5 times what the limiter needs for so many calls.
  ['1,000 stop, 40 ms away', slowToStart, 1_000, none, 1, 2.5 * 104],
])('%s: the curable ones heal soon', { timeout: 180_000 }, async (_name, of, stopped, isDead, seeds, most) => {
  const figures: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const { stage, ids } = await settledStage(of(seed));
    const down = ids.slice(0, stopped);
    stopAll(stage, down, isDead);
    const curable = down.filter((_, index) => !isDead(index));
    figures.push(await stage.until(() => stage.areActive(curable), 600));
    expect(stage.world.arrivals.worstSecond).toBeLessThanOrEqual(10);
  }
  expect(median(figures)).toBeLessThan(most);
});

test.each([
  [15, 72],
  [300, 91],
])(
  'restarts answer InternalError for 25 min, %i of 300 down: all healed %i s after it is back, nothing in quarantine',
  {
    timeout: 180_000,
  },
  async (down, prototype) => {
    const { stage, ids } = await settledStage(plain(300)(1));
    const from = begin + stage.seconds * 1_000;
    const effect = { kind: 'error', code: 'InternalError' } as const;
    stage.fault({ match: { action: 'restart' }, effect, from, until: from + 25 * 60_000 });
    stopAll(stage, ids.slice(0, down));
    await stage.run(25 * 60);
    expect(await stage.until(() => stage.areActive(ids), 600)).toBeLessThan(prototype * third);
    expect(stage.told('task-quarantined')).toEqual([]);
    expect(stage.told('circuit-closed').length).toBeGreaterThan(0);
  },
);
