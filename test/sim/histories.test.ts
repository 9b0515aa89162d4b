/**
 * The histories of the issue, through the production keeper, rules, limiter and client on a virtual clock, beside
 * what an independent prototype gave for the same story. Figures of the prototype stand in the comments; the bounds
 * are a third around them, as agreed, where the text gives no sharper one.
 */
import { describe, expect, test } from 'vitest';
import { begin, policiesOf } from '../domain/story.ts';
import { defaultPolicy, policyNamed, Stage, tasks } from './stage.ts';

const hour = 3_600;
const usual = policiesOf(defaultPolicy);
const incurable = { restartsInVain: Number.POSITIVE_INFINITY };

/** Runs until all of them are active again; the seconds it took. */
const healed = (stage: Stage, taskIds: readonly string[], withinSeconds: number): Promise<number> =>
  stage.until(() => stage.areActive(taskIds), withinSeconds);

/** All of these stop; of some of them no restart helps. */
function stopAll(stage: Stage, taskIds: readonly string[], isDead = (_index: number) => false): void {
  for (const [index, taskId] of taskIds.entries()) {
    if (isDead(index)) stage.act({ kind: 'edit', taskId, change: { life: incurable } });
    stage.act({ kind: 'stop', taskId });
  }
}

/** A stage that has run for a while with everything active. */
async function settledStage(count: number, seed = 1) {
  const stage = new Stage({ policies: usual, seed, tasks: tasks(count, {}, `s${seed}x`) });
  await stage.run(100);
  return { stage, ids: [...stage.world.tasks.keys()] };
}

const median = (figures: readonly number[]): number =>
  figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;

/** The prototype's figures are for three days; abandonment comes after as long as it is watched. */
const watchedHours = 12;

describe('half a day of single tasks', () => {
  const quarantine = { ...defaultPolicy.quarantine, abandonAfterMs: watchedHours * 3_600_000 };
  const lives = {
    dead: incurable,
    'lasts-11-min': { survivesMs: [660_000, 660_000] },
    'lasts-5-min': { survivesMs: [300_000, 300_000] },
    'lasts-2-min': { survivesMs: [120_000, 120_000] },
    'lasts-30-s': { survivesMs: [30_000, 30_000] },
  } as const;
  const names = Object.keys(lives) as (keyof typeof lives)[];
  const halfDay = (async () => {
    const groups = names.map((name) => policyNamed(name, { storm: false, quarantine }));
    const endsAt = begin + 6 * 86_400_000;
    const stage = new Stage({
      policies: { ...policiesOf(...groups), storm: false },
      tasks: names.map((name) => {
        const times = { startsAt: begin - 1_000, endsAt };
        const title = name.replaceAll('-', '');
        return { taskId: name, title, cloudGroup: name, ...times, life: lives[name], stopped: true };
      }),
    });
    const upSeconds = new Map<string, number>();
    for (let minute = 0; minute < (watchedHours + 1) * 60; minute++) {
      await stage.run(60);
      for (const name of names) if (stage.areActive([name])) upSeconds.set(name, (upSeconds.get(name) ?? 0) + 60);
    }
    return { stage, up: (name: string) => (100 * (upSeconds.get(name) ?? 0)) / stage.seconds };
  })();

  test('one dead task: backoff doubles to five minutes, eight failures, then quarantine, then abandoned', {
    timeout: 120_000,
  }, async () => {
    const { stage } = await halfDay;
    const calls = stage.restarts('dead').map(({ at }) => at);
    // Prototype: about 8, 83, 158, 233, 368, 638, 968, 1343 s; ours start at the first list, 1 s in.
    const waits = calls.slice(1, 8).map((at, index) => at - (calls[index] ?? 0));
    for (const [index, least] of [60, 60, 60, 120, 240, 300, 300].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(least);
      // A quarter of jitter, and the next poll.
      expect(waits[index]).toBeLessThanOrEqual(1.25 * least + 15);
    }
    const quarantinedAt = (stage.told('task-quarantined').find(({ taskId }) => taskId === 'dead')?.at ?? 0) - begin;
    expect(quarantinedAt / 60_000).toBeGreaterThan(20); // prototype: after 23 min
    expect(quarantinedAt / 60_000).toBeLessThan(27);
    // From quarantine on every 10–12.5 min, to the next poll.
    const quarantined = calls.slice(9).map((at, index) => at - (calls[index + 8] ?? 0));
    expect(Math.min(...quarantined)).toBeGreaterThanOrEqual(600);
    expect(Math.max(...quarantined)).toBeLessThanOrEqual(750 + 15 + 1);
    expect(calls.length).toBeGreaterThan(8 + (watchedHours * 60) / 12.75);
    expect(calls.length).toBeLessThan(9 + (watchedHours * 60) / 10);
    const abandoned = stage.told('task-abandoned').filter(({ taskId }) => taskId === 'dead');
    expect(abandoned).toHaveLength(1);
    // By a try that is made after the deadline: a retry and its verification later.
    const tried = ((abandoned[0]?.at ?? 0) - begin - quarantinedAt) / 60_000 - watchedHours * 60;
    expect(tried).toBeGreaterThanOrEqual(1);
    expect(tried).toBeLessThanOrEqual(12.75 + 1.5);
    expect(Math.max(...calls)).toBeLessThanOrEqual((quarantinedAt / 60_000 + watchedHours * 60 + 12.75) * 60);
  });

  test.each([
    // name, prototype's calls in 72 h, prototype's share of time up
    ['lasts-11-min', 384, 97.8],
    ['lasts-5-min', 752, 87],
    ['lasts-2-min', 754, 35],
    // Eight in the first 23 min, then as one in quarantine.
    ['lasts-30-s', 385 + 5 * 6, 4.5],
  ] as const)('a flapper that %s: about %i calls in 72 h, %f %% up', { timeout: 120_000 }, async (name, calls, up) => {
    const { stage, up: share } = await halfDay;
    const made = stage.restarts(name).filter(({ at }) => at < watchedHours * hour).length * (72 / watchedHours);
    expect(made / calls).toBeGreaterThan(0.9);
    expect(made / calls).toBeLessThan(1.1);
    expect(Math.abs(share(name) - up)).toBeLessThan(3);
    const quarantined = stage.told('task-quarantined').some(({ taskId }) => taskId === name);
    expect(quarantined).toBe(name === 'lasts-30-s');
  });
});

describe('many at once', () => {
  /** Prototypes' figures, seconds; bounds are a third above them. */
  const third = 1.34;
  test.each<[string, number, number, (index: number) => boolean, number, number]>([
    // name, tasks, stopped, which of them are incurable, seeds, healed within (of the curable ones)
    ['200 of 300 stop, curable', 300, 200, () => false, 1, 80], // prototype: about 60 s
    ['the same, 30 % incurable', 300, 200, (index) => (index * 7919) % 100 < 30, 3, 65 * third],
    ['the same, 60 % incurable', 300, 200, (index) => (index * 7919) % 100 < 60, 3, 200 * third],
    ['the same, the first 100 incurable', 300, 200, (index) => index < 100, 3, 73 * third],
    ['3 tasks, all down: about 14 s', 3, 3, () => false, 1, 25],
  ])('%s: the curable ones heal soon', { timeout: 60_000 }, async (_name, count, stopped, isDead, seeds, most) => {
    const figures: number[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const { stage, ids } = await settledStage(count, seed);
      const down = ids.slice(0, stopped);
      stopAll(stage, down, isDead);
      const curable = down.filter((_, index) => !isDead(index));
      figures.push(await healed(stage, curable, 600));
      expect(stage.world.arrivals.worstSecond).toBeLessThanOrEqual(10);
    }
    expect(median(figures)).toBeLessThan(most);
  });
  test('all of them incurable: never more than three unsettled, about as many calls as the design says', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await settledStage(300);
    stopAll(stage, ids.slice(0, 200), () => true);
    let most = 0;
    for (let second = 0; second < hour / 3; second++) {
      await stage.run(1);
      most = Math.max(most, stage.keeper.ledger.unsettled.size);
    }
    expect(most).toBe(3);
    // About 170 in the first hour.
    expect(stage.restarts().length).toBeGreaterThan(113 / 3);
    expect(stage.restarts().length).toBeLessThan(226 / 3);
  });
  test('180 of 200 dead, and 10 of the next group in the file stop: about 50 s', { timeout: 60_000 }, async () => {
    // Three dead ones at a time hold the account's window for 61 s: how long the ten wait is chance, from 24 to 80 s by
    // the moment at which they stop. So they stop at moments that are spread over such a minute.
    const figures: number[] = [];
    for (const seconds of [0, 20, 40]) {
      const stage = new Stage({
        policies: policiesOf(policyNamed('first'), policyNamed('next')),
        tasks: [
          ...tasks(180, { cloudGroup: 'first', stopped: true, life: incurable }, 'd'),
          ...tasks(20, { cloudGroup: 'first' }, 'a'),
          ...tasks(100, { cloudGroup: 'next' }, 'b'),
        ],
      });
      await stage.run(600 + seconds);
      const fresh = tasks(10, {}, 'b').map(({ taskId }) => taskId ?? '');
      stopAll(stage, fresh);
      figures.push(await healed(stage, fresh, 300));
    }
    expect(median(figures)).toBeLessThan(67);
    expect(Math.max(...figures)).toBeLessThan(61 + 25);
  });
  test.each([
    [0, 76],
    [33, 140],
  ])(
    '100 groups of 3, all down, the first %i groups dead: curable ones in about %i s',
    {
      timeout: 60_000,
    },
    async (dead, prototype) => {
      const groups = Array.from({ length: 100 }, (_, index) => policyNamed(`g${index}`));
      const stage = new Stage({
        policies: policiesOf(...groups),
        tasks: groups.flatMap(({ name }) => tasks(3, { cloudGroup: name }, `${name}x`)),
      });
      await stage.run(100);
      const ids = [...stage.world.tasks.keys()];
      stopAll(stage, ids, (index) => index < 3 * dead);
      expect(await healed(stage, ids.slice(3 * dead), 400)).toBeLessThan(prototype * third);
    },
  );
  test('5 tasks, 4 flap, the fifth stops: 5–15 s', async () => {
    const flapping = tasks(4, { life: { survivesMs: [30_000, 30_000] } }, 'f');
    const stage = new Stage({ policies: usual, tasks: [...flapping, ...tasks(1)] });
    await stage.run(1_800);
    stopAll(stage, ['t00000']);
    expect(await healed(stage, ['t00000'], 100)).toBeLessThan(25);
  });
});

describe('the cloud in trouble', () => {
  /** For 25 minutes every restart is answered so, of those that are down meanwhile. */
  const refused = async (code: string, down: number) => {
    const { stage, ids } = await settledStage(300);
    const from = begin + stage.seconds * 1_000;
    const effect = { kind: 'error', code } as const;
    stage.fault({ match: { action: 'restart' }, effect, from, until: from + 25 * 60_000 });
    stopAll(stage, ids.slice(0, down));
    await stage.run(25 * 60);
    return { stage, ids };
  };
  test.each([
    [15, 72],
    [300, 91],
  ])(
    'restarts answer InternalError for 25 min, %i of 300 down: all healed %i s after it is back, nothing in quarantine',
    {
      timeout: 60_000,
    },
    async (down, prototype) => {
      const { stage, ids } = await refused('InternalError', down);
      expect(await healed(stage, ids, 600)).toBeLessThan(prototype * 1.34);
      expect(stage.told('task-quarantined')).toEqual([]);
      expect(stage.told('circuit-closed').length).toBeGreaterThan(0);
    },
  );
  test('throttled for 25 min: about 23 calls, no attempt lost, healed within two minutes after', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await refused('FlowLimitExceeded', 90);
    expect(stage.restarts().length).toBeGreaterThan(15);
    expect(stage.restarts().length).toBeLessThan(31);
    expect(stage.told('restart-failed')).toEqual([]);
    expect(await healed(stage, ids, 300)).toBeLessThan(120);
  });
  test('6 of 40 always refused with CommonErr: the 34 healed within seconds; left alone the 6 open the circuit, and a fresh stop closes it', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await settledStage(200);
    const stopped = ids.slice(0, 40);
    const refused = stopped.filter((_, index) => index % 7 === 3);
    for (const taskId of refused)
      stage.fault({ match: { action: 'restart', taskId }, effect: { kind: 'error', code: 'CommonErr' } });
    stopAll(stage, stopped);
    const curable = stopped.filter((taskId) => !refused.includes(taskId));
    expect(await healed(stage, curable, 300)).toBeLessThan(40);
    await stage.run(hour);
    expect(stage.keeper.ledger.accountRecord.circuits.restart.kind).toBe('open');
    stopAll(stage, ids.slice(100, 101));
    expect(await healed(stage, ids.slice(100, 101), 300)).toBeLessThan(15 + 30 + 15);
    await stage.run(hour);
    expect(new Set(stage.told('task-quarantined').map(({ taskId }) => taskId))).toEqual(new Set(refused));
  });
});
