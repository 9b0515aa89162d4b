/**
 * The histories of the issue, through the production keeper, rules, limiter and client on a virtual clock, beside
 * what an independent prototype gave for the same story. Figures of the prototype stand in the comments; the bounds
 * are a third around them, as agreed, where the text gives no sharper one.
 */
import { describe, expect, test } from 'vitest';
import { begin, policiesOf } from '../domain/story.ts';
import type { Policies, Policy } from './seam.ts';
import { accessKey, defaultPolicy, Stage, tasks } from './stage.ts';

const hour = 3_600;
const usual = policiesOf(defaultPolicy);
const unguarded: Policies = { ...policiesOf({ ...defaultPolicy, storm: false, budget: false }), storm: false };
const incurable = { restartsInVain: Number.POSITIVE_INFINITY };

/** Runs until every task is active again; the seconds it took. */
async function healed(stage: Stage, taskIds: readonly string[], withinSeconds: number): Promise<number> {
  const from = stage.seconds;
  while (stage.seconds - from < withinSeconds) {
    if (taskIds.every((taskId) => stage.statusOf(taskId) === '生效中')) return stage.seconds - from;
    await stage.run(1);
  }
  return Number.POSITIVE_INFINITY;
}

const stopAll = (stage: Stage, taskIds: readonly string[]) => {
  for (const taskId of taskIds) stage.act({ kind: 'stop', taskId });
};

/** A stage that has run for a while with everything active. */
async function settledStage(count: number, policies: Policies = usual, seed = 1, more = {}) {
  const stage = new Stage({ policies, seed, tasks: tasks(count, more, `s${seed}x`) });
  await stage.run(100);
  return { stage, ids: [...stage.world.tasks.keys()] };
}

const median = (figures: readonly number[]): number =>
  figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;

describe('days of single tasks', () => {
  const group = (name: string): Policy => ({
    ...defaultPolicy,
    name,
    storm: false,
    match: { ...defaultPolicy.match, cloudGroup: [name] },
  });
  const lives = {
    dead: incurable,
    'lasts-11-min': { survivesMs: [660_000, 660_000] },
    'lasts-5-min': { survivesMs: [300_000, 300_000] },
    'lasts-2-min': { survivesMs: [120_000, 120_000] },
    'lasts-30-s': { survivesMs: [30_000, 30_000] },
  } as const;
  const names = Object.keys(lives) as (keyof typeof lives)[];
  const days = (async () => {
    const stage = new Stage({
      policies: { ...policiesOf(...names.map(group)), storm: false },
      tasks: names.map((name) => ({
        taskId: name,
        title: name.replaceAll('-', ''),
        cloudGroup: name,
        startsAt: begin - 1_000,
        endsAt: begin + 6 * 86_400_000,
        life: lives[name],
        stopped: true,
      })),
    });
    const upSeconds = new Map<string, number>();
    for (let minute = 0; minute < 73 * 60; minute++) {
      await stage.run(60);
      for (const name of names)
        if (stage.statusOf(name) === '生效中') upSeconds.set(name, (upSeconds.get(name) ?? 0) + 60);
    }
    return { stage, up: (name: string) => (100 * (upSeconds.get(name) ?? 0)) / stage.seconds };
  })();

  test('one dead task: backoff doubles to five minutes, eight failures, then quarantine, then abandoned', {
    timeout: 120_000,
  }, async () => {
    const { stage } = await days;
    const calls = stage.restarts('dead').map(({ at }) => at);
    // Prototype: about 8, 83, 158, 233, 368, 638, 968, 1343 s; ours start at the first list, 1 s in.
    const waits = calls.slice(1, 8).map((at, index) => at - (calls[index] ?? 0));
    for (const [index, [least, most]] of (
      [
        [60, 90],
        [60, 90],
        [60, 90],
        [120, 165],
        [240, 315],
        [300, 390],
        [300, 390],
      ] as const
    ).entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(least);
      expect(waits[index]).toBeLessThanOrEqual(most);
    }
    const quarantinedAt = (stage.told('task-quarantined').find(({ taskId }) => taskId === 'dead')?.at ?? 0) - begin;
    expect(quarantinedAt / 60_000).toBeGreaterThan(20); // prototype: after 23 min
    expect(quarantinedAt / 60_000).toBeLessThan(27);
    // From quarantine on every 10–12.5 min, to the next poll: prototype about 390 calls in 72 h.
    const quarantined = calls.slice(9).map((at, index) => at - (calls[index + 8] ?? 0));
    expect(Math.min(...quarantined)).toBeGreaterThanOrEqual(600);
    expect(Math.max(...quarantined)).toBeLessThanOrEqual(750 + 15 + 1);
    expect(calls.length).toBeGreaterThan(370);
    expect(calls.length).toBeLessThan(420);
    const abandoned = stage.told('task-abandoned').filter(({ taskId }) => taskId === 'dead');
    expect(abandoned).toHaveLength(1);
    // Prototype: 72.4 h in all, by the clock. By a try that is made after 72 h it is a retry and its verification later.
    const tried = ((abandoned[0]?.at ?? 0) - begin - quarantinedAt) / 60_000 - 72 * 60;
    expect(tried).toBeGreaterThanOrEqual(1);
    expect(tried).toBeLessThanOrEqual(12.75 + 1.5);
    expect(Math.max(...calls)).toBeLessThanOrEqual((quarantinedAt / 60_000 + 72 * 60 + 12.75) * 60);
  });

  test.each([
    // name, prototype's calls in 72 h, prototype's share of time up
    ['lasts-11-min', 384, 97.8],
    ['lasts-5-min', 752, 87],
    ['lasts-2-min', 754, 35],
    ['lasts-30-s', 385, 4.5],
  ] as const)('a flapper that %s: about %i calls, %f %% up', { timeout: 120_000 }, async (name, calls, up) => {
    const { stage, up: share } = await days;
    const made = stage.restarts(name).filter(({ at }) => at < 72 * hour).length;
    expect(made / calls).toBeGreaterThan(0.9);
    expect(made / calls).toBeLessThan(1.1);
    expect(Math.abs(share(name) - up)).toBeLessThan(3);
    const quarantined = stage.told('task-quarantined').some(({ taskId }) => taskId === name);
    expect(quarantined).toBe(name === 'lasts-30-s');
  });
});

describe('many at once', () => {
  test('200 of 300 stop, curable: healed in about a minute', async () => {
    const { stage, ids } = await settledStage(300);
    stopAll(stage, ids.slice(0, 200));
    expect(await healed(stage, ids, 200)).toBeLessThan(80); // prototype: about 60 s
    expect(stage.worstSecond()).toBeLessThanOrEqual(10);
  });
  test('the same without the guard: as fast as the limiter allows', async () => {
    const { stage, ids } = await settledStage(300, unguarded);
    stopAll(stage, ids.slice(0, 200));
    expect(await healed(stage, ids, 200)).toBeLessThan(50); // prototype: 38 s
  });
  test('the same, incurable: about 170 calls in the first hour, never more than three unsettled at its end', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await settledStage(300);
    const dead = ids.slice(0, 200);
    for (const taskId of dead) stage.act({ kind: 'edit', taskId, change: { life: incurable } });
    stopAll(stage, dead);
    await stage.run(hour);
    expect(stage.restarts().length).toBeGreaterThan(113); // prototype: about 170
    expect(stage.restarts().length).toBeLessThan(226);
    expect(stage.keeper.ledger.unsettled.size).toBeLessThanOrEqual(3);
  });
  test.each([
    ['30 % incurable', (index: number) => (index * 7919) % 100 < 30, 65],
    ['60 % incurable', (index: number) => (index * 7919) % 100 < 60, 200],
    ['the first 100 incurable', (index: number) => index < 100, 73],
  ] as const)(
    'the same, %s: the curable ones heal soon all the same',
    { timeout: 60_000 },
    async (_name, isDead, prototype) => {
      const figures: number[] = [];
      for (const seed of [1, 2, 3, 4, 5, 6, 7]) {
        const { stage, ids } = await settledStage(300, usual, seed);
        const stopped = ids.slice(0, 200);
        for (const [index, taskId] of stopped.entries())
          if (isDead(index)) stage.act({ kind: 'edit', taskId, change: { life: incurable } });
        stopAll(stage, stopped);
        figures.push(
          await healed(
            stage,
            stopped.filter((_, index) => !isDead(index)),
            600,
          ),
        );
        expect(stage.worstSecond()).toBeLessThanOrEqual(10);
      }
      expect(median(figures)).toBeLessThan(prototype * 1.34);
    },
  );
  test('90 old dead tasks, then 10 of 110 others stop: healed in about 50 s', { timeout: 60_000 }, async () => {
    const stage = new Stage({
      policies: usual,
      tasks: [...tasks(90, { stopped: true, life: incurable }, 'd'), ...tasks(110)],
    });
    await stage.run(2 * hour);
    const fresh = tasks(10).map(({ taskId }) => taskId ?? '');
    stopAll(stage, fresh);
    expect(await healed(stage, fresh, 300)).toBeLessThan(67);
  });
  test('180 of 200 dead, and 10 of the next group in the file stop: about 50 s', { timeout: 60_000 }, async () => {
    const group = (name: string) => ({ ...defaultPolicy, name, match: { ...defaultPolicy.match, cloudGroup: [name] } });
    // Three dead ones at a time hold the account's window for 61 s: how long the ten wait is chance, from 24 to 80 s by
    // the moment at which they stop. So they stop at moments that are spread over such a minute.
    const figures: number[] = [];
    for (const seconds of [0, 12, 24, 36, 48]) {
      const stage = new Stage({
        policies: policiesOf(group('first'), group('next')),
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
  test('3 tasks, all down: about 14 s', async () => {
    const { stage, ids } = await settledStage(3);
    stopAll(stage, ids);
    expect(await healed(stage, ids, 100)).toBeLessThan(25);
  });
  test.each([
    [0, 76],
    [33, 140],
  ])(
    '100 groups of 3, all down, the first %i groups dead: curable ones in about %i s',
    { timeout: 60_000 },
    async (dead, prototype) => {
      const groups = Array.from({ length: 100 }, (_, index) => ({
        ...defaultPolicy,
        name: `g${index}`,
        match: { ...defaultPolicy.match, cloudGroup: [`g${index}`] },
      }));
      const stage = new Stage({
        policies: policiesOf(...groups),
        tasks: groups.flatMap(({ name }, index) =>
          tasks(3, { cloudGroup: name, life: index < dead ? incurable : {} }, `${name}x`),
        ),
      });
      await stage.run(100);
      const ids = [...stage.world.tasks.keys()];
      stopAll(stage, ids);
      const curable = ids.filter((taskId) => Number(taskId.slice(1, taskId.indexOf('x'))) >= dead);
      expect(await healed(stage, curable, 400)).toBeLessThan(prototype * 1.34);
    },
  );
  test('5 tasks, 4 flap, the fifth stops: 5–15 s', async () => {
    const stage = new Stage({
      policies: usual,
      tasks: [...tasks(4, { life: { survivesMs: [30_000, 30_000] } }, 'f'), ...tasks(1)],
    });
    await stage.run(1_800);
    stopAll(stage, ['t00000']);
    expect(await healed(stage, ['t00000'], 100)).toBeLessThan(25);
  });
});

describe('the cloud in trouble', () => {
  const minutesFrom = (stage: Stage, minutes: number) => {
    const from = begin + stage.seconds * 1_000;
    return { from, until: from + minutes * 60_000 };
  };
  test('the list down for ten minutes in the middle of outages: only those that stopped meanwhile wait for it', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await settledStage(40);
    stopAll(stage, ids.slice(0, 3));
    expect(await healed(stage, ids, 60)).toBeLessThan(30);
    stage.fault({
      match: { action: 'list' },
      effect: { kind: 'error', code: 'InternalError' },
      ...minutesFrom(stage, 10),
    });
    const before = stage.restarts().length;
    await stage.run(60);
    const records = JSON.stringify(
      [...stage.keeper.ledger.tasks.values()].map(({ outage, attempts, row }) => ({ outage, attempts, row })),
    );
    stopAll(stage, ids.slice(3, 6));
    await stage.run(530);
    expect(stage.restarts()).toHaveLength(before);
    expect(
      JSON.stringify(
        [...stage.keeper.ledger.tasks.values()].map(({ outage, attempts, row }) => ({ outage, attempts, row })),
      ),
    ).toBe(records);
    expect(await healed(stage, ids, 120)).toBeLessThan(45);
    expect(stage.told('task-quarantined')).toEqual([]);
  });
  test.each([
    [15, 72],
    [90, 76],
    [300, 91],
  ])(
    'restarts answer InternalError for 25 min, %i of 300 down: all healed %i s after it is back, nothing in quarantine',
    { timeout: 60_000 },
    async (down, prototype) => {
      const { stage, ids } = await settledStage(300);
      stage.fault({
        match: { action: 'restart' },
        effect: { kind: 'error', code: 'InternalError' },
        ...minutesFrom(stage, 25),
      });
      stopAll(stage, ids.slice(0, down));
      await stage.run(25 * 60);
      expect(await healed(stage, ids, 600)).toBeLessThan(prototype * 1.34);
      expect(stage.told('task-quarantined')).toEqual([]);
      expect(stage.told('circuit-closed').length).toBeGreaterThan(0);
    },
  );
  test('throttled for 25 min: about 23 calls, no attempt lost, healed within two minutes after', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await settledStage(300);
    stage.fault({
      match: { action: 'restart' },
      effect: { kind: 'error', code: 'FlowLimitExceeded' },
      ...minutesFrom(stage, 25),
    });
    stopAll(stage, ids.slice(0, 90));
    await stage.run(25 * 60);
    expect(stage.restarts().length).toBeGreaterThan(15);
    expect(stage.restarts().length).toBeLessThan(31);
    expect(stage.told('restart-failed')).toEqual([]);
    expect(await healed(stage, ids, 300)).toBeLessThan(120);
  });
  const refuse = (stage: Stage, refused: readonly string[]) => {
    for (const taskId of refused)
      stage.fault({ match: { action: 'restart', taskId }, effect: { kind: 'error', code: 'CommonErr' } });
  };
  test('6 tasks always refused with CommonErr come first, 34 curable: the 34 healed, the 6 quarantined', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await settledStage(200);
    refuse(stage, ids.slice(0, 6));
    stopAll(stage, ids.slice(0, 40));
    // Their five refusals in a row open the circuit; its first probe, 30 s later, closes it.
    expect(await healed(stage, ids.slice(6, 40), 300)).toBeLessThan(75);
    await stage.run(hour);
    expect(new Set(stage.told('task-quarantined').map(({ taskId }) => taskId))).toEqual(new Set(ids.slice(0, 6)));
  });
  test('the same 6 scattered among the 34: healed within seconds; left alone the 6 open the circuit, and a fresh stop closes it', {
    timeout: 60_000,
  }, async () => {
    const { stage, ids } = await settledStage(200);
    const stopped = ids.slice(0, 40);
    const refused = stopped.filter((_, index) => index % 7 === 3);
    refuse(stage, refused);
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
  test('a key rotated to one that sees nothing for 5 min: about 19 suspect polls, no call, no ending', async () => {
    const { stage } = await settledStage(300);
    stage.world.keys = [{ ...accessKey, sees: 'nothing' }];
    await stage.run(300);
    stage.world.keys = [accessKey];
    await stage.run(300);
    expect(stage.told('poll-suspect').length).toBeGreaterThanOrEqual(18);
    expect(stage.told('poll-suspect').length).toBeLessThanOrEqual(21);
    expect([stage.restarts().length, stage.told('outage-ended').length, stage.told('task-gone').length]).toEqual([
      0, 0, 0,
    ]);
  });
  test('the clock an hour off is learned with one extra call, and outages heal as ever', async () => {
    const stage = new Stage({
      policies: usual,
      tasks: tasks(10),
      world: { parameters: { clockOffsetMs: -hour * 1_000 } },
    });
    await stage.run(100);
    const refused = stage.arrivals.filter(({ outcome }) => outcome === 'InvalidTimestamp');
    expect(refused).toHaveLength(1);
    stopAll(stage, ['t00000', 't00001']);
    expect(await healed(stage, ['t00000', 't00001'], 60)).toBeLessThan(30);
    expect(stage.keeper.cloud.clockOffsetMs() / 1_000).toBeCloseTo(-hour, -1);
  });
});

describe('things people do', () => {
  test('stopped at T, EndTime at T + 200 s, never curable: calls at 15 and 90 s, then none; one ending', async () => {
    const stage = new Stage({ policies: usual, tasks: tasks(1, { life: incurable }) });
    await stage.run(106);
    stage.act({ kind: 'edit', taskId: 't00000', change: { endsAt: begin + 306_000 } });
    stage.act({ kind: 'stop', taskId: 't00000' });
    await stage.run(900);
    const calls = stage.restarts().map(({ at }) => at - 106);
    expect(calls).toHaveLength(2);
    expect(calls[0]).toBeLessThan(16);
    expect((calls[1] ?? 0) - (calls[0] ?? 0)).toBeCloseTo(75, 0);
    expect(stage.told('outage-ended').map(({ ending }) => ending)).toEqual(['ended']);
  });
  test('a reload that shortens the backoff in the middle of an outage applies to the wait that runs', async () => {
    const stage = new Stage({ policies: usual, tasks: tasks(1, { life: incurable, stopped: true }) });
    await stage.run(700); // after the sixth attempt the wait is at least 300 s
    const before = stage.restarts().length;
    stage.policies = policiesOf({ ...defaultPolicy, backoff: { ...defaultPolicy.backoff, maxMs: 20_000 } });
    await stage.keeper.configure(stage.settings());
    await stage.run(90);
    expect(stage.restarts().length).toBeGreaterThan(before);
    expect(stage.keeper.ledger.tasks.get('t00000')?.outage?.attempts).toBe(stage.restarts().length);
  });
  test('a task that moves to another cloud group keeps its outage and attempts under the new policy', async () => {
    const group = (name: string) => ({ ...defaultPolicy, name, match: { ...defaultPolicy.match, cloudGroup: [name] } });
    const stage = new Stage({
      policies: policiesOf(group('vip'), group('sports')),
      tasks: tasks(1, { life: incurable, stopped: true }),
    });
    await stage.run(100);
    const before = stage.keeper.ledger.tasks.get('t00000');
    stage.act({ kind: 'edit', taskId: 't00000', change: { cloudGroup: 'sports' } });
    await stage.run(20);
    const after = stage.keeper.ledger.tasks.get('t00000');
    expect(after).toMatchObject({ group: 'sports', attempts: before?.attempts, outage: { id: before?.outage?.id } });
    expect(stage.told('outage-ended')).toEqual([]);
    await stage.run(300);
    expect(stage.arrivals.filter(({ outcome }) => outcome === 'ResourceNotFound')).toEqual([]);
  });
  test('a hold set while the restart waits in its lane stops it', async () => {
    const { stage, ids } = await settledStage(60, unguarded);
    stopAll(stage, ids);
    await stage.run(8); // seen at 5 s, and 60 restarts take six seconds: some wait
    const waiting = ids.filter((taskId) => stage.restarts(taskId).length === 0).at(-1) ?? '';
    const now = stage.clock.now();
    const hold = {
      id: 'h',
      account: 'main',
      target: { kind: 'task', taskId: waiting },
      author: 'eve',
      reason: 'repair',
      createdAt: now,
      endsAt: undefined,
    } as const;
    await Promise.all([
      stage.keeper.operator.changeHold({ type: 'hold-added', at: now, account: 'main', hold }),
      stage.run(120),
    ]);
    expect(waiting).not.toBe('');
    expect(stage.restarts(waiting)).toEqual([]);
    expect(stage.restarts().length).toBe(59);
  });
  test('quarantine, a release by hand, and recovery', { timeout: 60_000 }, async () => {
    const stage = new Stage({ policies: usual, tasks: tasks(1, { life: incurable, stopped: true }) });
    await stage.run(1_500);
    expect(stage.keeper.ledger.tasks.get('t00000')?.stageTold).toBe('quarantined');
    stage.act({ kind: 'edit', taskId: 't00000', change: { life: { restartsInVain: 0 } } });
    await Promise.all([stage.keeper.operator.release('t00000', 'eve'), stage.run(1)]);
    expect(await healed(stage, ['t00000'], 60)).toBeLessThan(25);
    await stage.run(100);
    expect(stage.told('outage-ended').map(({ ending }) => ending)).toEqual(['recovered']);
  });
  test("an operator's restart of an abandoned task brings it back, and counts for nothing", {
    timeout: 60_000,
  }, async () => {
    const policy = { ...defaultPolicy, quarantine: { retryEveryMs: 600_000, abandonAfterMs: hour * 1_000 } };
    const stage = new Stage({ policies: policiesOf(policy), tasks: tasks(1, { life: incurable, stopped: true }) });
    await stage.run(3 * hour);
    expect(stage.keeper.ledger.tasks.get('t00000')?.stageTold).toBe('abandoned');
    const calls = stage.restarts().length;
    stage.act({ kind: 'edit', taskId: 't00000', change: { life: { restartsInVain: 0 } } });
    const [answer] = await Promise.all([stage.keeper.operator.restart('t00000', 'eve', false), stage.run(2)]);
    expect(answer.kind).toBe('accepted');
    expect(await healed(stage, ['t00000'], 60)).toBeLessThan(25);
    await stage.run(100);
    expect(stage.restarts()).toHaveLength(calls + 1);
    expect(stage.keeper.ledger.tasks.get('t00000')).toMatchObject({ attempts: 0, row: 0, outage: undefined });
  });
});

test('1,000 tasks, 5 % an hour stop at random: half within 13 s, 95 % within 20 s, all within 23 s', {
  timeout: 90_000,
}, async () => {
  const stage = new Stage({ policies: usual, seed: 3, tasks: tasks(1_000, { life: { stopsPerHour: 0.05 } }) });
  const downSince = new Map<string, number>();
  const durations: number[] = [];
  for (let second = 0; second < hour / 2; second++) {
    await stage.run(1);
    for (const taskId of stage.world.tasks.keys()) {
      const active = stage.statusOf(taskId) === '生效中';
      const since = downSince.get(taskId);
      if (!active && since === undefined) downSince.set(taskId, second);
      if (active && since !== undefined) {
        durations.push(second - since);
        downSince.delete(taskId);
      }
    }
  }
  const sorted = durations.toSorted((a, b) => a - b);
  expect(sorted.length).toBeGreaterThan(15);
  expect(sorted[sorted.length >> 1]).toBeLessThanOrEqual(14);
  expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThanOrEqual(22);
  expect(sorted.at(-1)).toBeLessThanOrEqual(25);
});
