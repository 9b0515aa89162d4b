import { describe, expect, test } from 'vitest';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import { at, hours, item, minutes, plainPolicy, policiesOf, refusal, Story, throttled } from './story.ts';

const forbidden = refusal('forbidden', 'RequestForbidden');
const calm = (more: Partial<Policy> = {}): Policies => ({
  ...policiesOf({ ...plainPolicy, storm: false, budget: false, ...more }),
  storm: false,
});
/** Failures come every 15 s, so that a row is long soon. */
const quick = { initialMs: 15_000, factor: 1, maxMs: 15_000, jitterPercent: 0, resetAfterMs: 600_000 };

/** A list every 15 s shows it stopped, and every restart of it is refused, until it has failed so often. */
const failed = (times: number, more: Partial<Policy> = {}): Story => {
  const story = new Story(calm({ backoff: quick, ...more }));
  for (let n = 0; n < times; n++) {
    story.list(n * 15, { t: 'stopped' });
    expect(story.send(n * 15, forbidden)).toEqual(['t']);
  }
  return story;
};
/** The same, then one list more, 15 s after the last failure. */
const afterwards = (times: number, more: Partial<Policy> = {}) =>
  failed(times, more).list(times * 15, { t: 'stopped' });

describe('eight failed in a row', () => {
  test('seven are not enough: the next attempt comes after its backoff', () => {
    expect(afterwards(7).says('t')).toBe('restart');
  });
  test('eight are: quarantine, and 10 min from the last attempt', () => {
    // The eighth was at 105 s.
    const story = afterwards(8);
    expect(story.says('t')).toBe(`quarantined until ${105 + minutes(10)}`);
    expect(story.told('task-quarantined')).toMatchObject([{ taskId: 't', failures: 8 }]);
  });
  test('the wait is that of quarantine, not the backoff', () => {
    const slow = { ...quick, initialMs: 15_000, maxMs: 15_000 };
    const story = afterwards(8, { backoff: slow, quarantine: { retryEveryMs: 20_000, abandonAfterMs: 3_600_000 } });
    expect(story.says('t')).toBe('quarantined until 125');
  });
  test('each retry that fails is followed by the next 10 min later, and quarantine is told once', () => {
    const story = afterwards(8);
    for (const seconds of [705, 1_305, 1_905]) {
      expect(story.list(seconds - 1, { t: 'stopped' }).send(seconds - 1, forbidden)).toEqual([]);
      expect(story.list(seconds, { t: 'stopped' }).send(seconds, forbidden)).toEqual(['t']);
    }
    expect(story.told('task-quarantined').length).toBe(1);
  });
  test('a restart that lasted ends the row, also when only a look saw it and the outage goes on', () => {
    const story = afterwards(7);
    story.send(105);
    story.look(110, { t: 'active' }).look(180, { t: 'active' });
    expect(story.told('restart-proved').length).toBe(1);
    expect(story.list(195, { t: 'stopped' }).send(195, forbidden)).toEqual(['t']);
    expect(story.list(210, { t: 'stopped' }).says('t')).toBe('restart');
    expect(story.told('task-quarantined')).toEqual([]);
  });
  test('jitter goes to retryEvery too', () => {
    const jitter = { ...quick, jitterPercent: 25 };
    const untils = ['a', 'b', 'c', 'd'].map((taskId) => {
      const story = new Story(calm({ attempts: 1, backoff: jitter })).list(0, { [taskId]: 'stopped' });
      story.send(0, forbidden);
      const verdict = story.list(15, { [taskId]: 'stopped' }).verdict(taskId);
      if (verdict.kind !== 'wait') throw new Error('it must wait');
      expect(verdict.until).toBeGreaterThanOrEqual(at(600));
      expect(verdict.until).toBeLessThanOrEqual(at(750));
      return verdict.until;
    });
    expect(new Set(untils).size).toBe(4);
  });
  test('refused, not recovered and stopped again are all failures', () => {
    const story = new Story(calm({ attempts: 3, backoff: quick })).list(0, { t: 'stopped' });
    story.send(0, forbidden);
    story.list(15, { t: 'stopped' }).send(15);
    story.list(90, { t: 'stopped' }).send(90);
    story.list(105, { t: 'active' }).list(120, { t: 'stopped' });
    expect(story.told('restart-failed')).toMatchObject([
      { cause: 'RequestForbidden' },
      { cause: 'not-recovered' },
      { cause: 'stopped-again' },
    ]);
    expect(story.says('t')).toBe(`quarantined until ${90 + minutes(10)}`);
  });
});

describe('abandoned by a failed try that is made after 72 h in quarantine', () => {
  const deadline = 105 + hours(72);
  /** In quarantine, and one try more at that second, refused. */
  const triedAt = (seconds: number, more: Partial<Policy> = {}) => {
    const story = afterwards(8, more).list(seconds, { t: 'stopped' });
    expect(story.send(seconds, forbidden)).toEqual(['t']);
    return story.list(seconds + 15, { t: 'stopped' });
  };
  test('counted from entering quarantine', () => {
    expect(triedAt(deadline - 1).says('t')).toMatch(/^quarantined/);
    const story = triedAt(deadline);
    expect(story.says('t')).toBe('abandoned until never');
    expect(story.told('task-abandoned').length).toBe(1);
  });
  test('retries before it do not put it off', () => {
    const story = afterwards(8);
    for (let seconds = 705; seconds < deadline; seconds += 3_600)
      story.list(seconds, { t: 'stopped' }).send(seconds, forbidden);
    story.list(deadline + 600, { t: 'stopped' }).send(deadline + 600, forbidden);
    expect(story.list(deadline + 615, { t: 'stopped' }).says('t')).toBe('abandoned until never');
  });
  test('one made before it that fails after it is not the last', () => {
    const story = afterwards(8).list(deadline - 30, { t: 'stopped' });
    story.send(deadline - 30);
    expect(story.list(deadline + 60, { t: 'stopped' }).says('t')).toMatch(/^quarantined/);
  });

  const week = { days: ['mon'], fromMinute: 0, toMinute: 60, timezone: 'UTC' } as const;
  const nobodyTries: readonly [sentence: string, story: () => Story, freeAt: number][] = [
    ['we are blind or not there', () => afterwards(8), deadline + hours(10)],
    [
      'it is held',
      () => afterwards(8).hold('h', { kind: 'task', taskId: 't' }, at(deadline + hours(1))),
      deadline + hours(1),
    ],
    [
      'its group is held',
      () => afterwards(8).hold('h', { kind: 'group', group: 'vip' }, at(deadline + hours(2))),
      deadline + hours(2),
    ],
    ['it is out of its hours', () => afterwards(8, { hours: [week] }), hours(7 * 24)],
    [
      'an operator’s try fails',
      () => {
        const story = afterwards(8).list(deadline, { t: 'stopped' });
        story.byHand(deadline, 't', forbidden);
        return story;
      },
      deadline + 60,
    ],
    [
      'its tries are throttled',
      () => {
        const story = afterwards(8).list(deadline, { t: 'stopped' });
        expect(story.send(deadline, throttled)).toEqual(['t']);
        return story;
      },
      deadline + 60,
    ],
  ];
  test.each(nobodyTries)('never by a clock: while %s', (_sentence, story, freeAt) => {
    const untried = story();
    for (let seconds = deadline + 15; seconds < freeAt; seconds += 3_600)
      untried.list(seconds, { t: { ...item('t', 'stopped'), endsAt: undefined } });
    untried.list(freeAt, { t: { ...item('t', 'stopped'), endsAt: undefined } });
    expect(untried.told('task-abandoned')).toEqual([]);
    expect(untried.says('t')).toBe('restart');
  });
  test('a longer abandonAfter takes it back, a shorter one applies to the tries that were made', () => {
    const policy = (abandonAfterMs: number) =>
      calm({ backoff: quick, quarantine: { retryEveryMs: 600_000, abandonAfterMs } });
    const story = triedAt(deadline);
    story.reload(deadline + 20, policy(100 * 3_600_000));
    expect(story.says('t')).toMatch(/^quarantined/);
    story.reload(deadline + 25, policy(3_600_000));
    expect(story.says('t')).toBe('abandoned until never');
  });

  const abandonAt = deadline + 15;
  const abandoned = () => triedAt(deadline);
  const edits: readonly [string, Parameters<typeof item>[2]][] = [
    ['its StartTime changes', { startsAt: at(0) }],
    ['its EndTime changes', { endsAt: at(hours(101)) }],
    ['its source changes', { source: 'elsewhere' }],
  ];
  test.each(edits)('until %s', (_sentence, more) => {
    const story = abandoned().list(abandonAt + 15, { t: item('t', 'stopped', more) });
    expect(story.told('task-released')).toMatchObject([{ cause: 'edited' }]);
    expect(story.send(abandonAt + 15)).toEqual(['t']);
    expect(story.record('t').row).toBe(0);
  });
  test('also when the edit is seen by the first list after that try', () => {
    const story = afterwards(8).list(deadline, { t: 'stopped' });
    story.send(deadline, forbidden);
    story.list(abandonAt, { t: item('t', 'stopped', { source: 'elsewhere' }) });
    expect(story.send(abandonAt)).toEqual(['t']);
  });
  test('not by another title', () => {
    const story = abandoned().list(abandonAt + 15, { t: item('t', 'stopped', { title: 'new' }) });
    expect(story.says('t')).toBe('abandoned until never');
  });
  test('until it is seen active', () => {
    const story = abandoned()
      .list(abandonAt + 15, { t: 'active' })
      .list(abandonAt + 30, { t: 'stopped' });
    expect(story.told('task-released')).toMatchObject([{ cause: 'seen-active' }]);
    expect(story.send(abandonAt + 30)).toEqual(['t']);
  });
  test('until a person releases it', () => {
    const story = abandoned().release(abandonAt + 1, 't');
    story.list(abandonAt + 15, { t: 'stopped' });
    expect(story.send(abandonAt + 15)).toEqual(['t']);
    expect(story.told('restart-intended').at(-1)).toMatchObject({ n: 1 });
  });
  test('told once, however many lists still show it stopped', () => {
    const story = abandoned()
      .list(abandonAt + 15, { t: 'stopped' })
      .list(abandonAt + 30, { t: 'stopped' });
    expect(story.told('task-abandoned').length).toBe(1);
    expect(story.told('task-released')).toEqual([]);
  });
  test('a hold over it is shown first, and is not what keeps it', () => {
    const story = abandoned().hold('h', { kind: 'task', taskId: 't' }, at(abandonAt + 60));
    expect(story.says('t')).toBe('held until never');
    expect(story.list(abandonAt + 75, { t: 'stopped' }).says('t')).toBe('abandoned until never');
  });
});

describe('a quarantined task', () => {
  test('is released by a person, attempts and all', () => {
    const story = afterwards(8).release(121, 't');
    expect(story.record('t')).toMatchObject({ attempts: 0, row: 0, failedAt: [], lastAttemptAt: undefined });
    expect(story.list(135, { t: 'stopped' }).send(135)).toEqual(['t']);
  });
  test('is not released by an edit', () => {
    const story = afterwards(8).list(135, { t: item('t', 'stopped', { source: 'elsewhere' }) });
    expect(story.says('t')).toMatch(/^quarantined/);
  });
  test('leaves by a restart that lasted, and its backoff stays', () => {
    const story = afterwards(8).list(705, { t: 'stopped' });
    expect(story.send(705)).toEqual(['t']);
    story.list(720, { t: 'active' }).list(780, { t: 'active' });
    expect(story.endings()).toEqual(['t recovered']);
    expect(story.record('t')).toMatchObject({ row: 0, failedAt: [], attempts: 9 });
    expect(story.list(795, { t: 'stopped' }).says('t')).toBe('restart');
  });
  test('does not leave by a restart that somebody made in the console: that is a guess', () => {
    const story = afterwards(8);
    for (let seconds = 615 + 105; seconds <= 900; seconds += 15) story.list(seconds, { t: 'active' });
    expect(story.endings()).toEqual(['t external']);
    expect(story.record('t').row).toBe(8);
  });
  test('leaves when it has run for resetAfter', () => {
    const story = afterwards(8);
    for (let seconds = 720; seconds <= 720 + minutes(10); seconds += 15) story.list(seconds, { t: 'active' });
    expect(story.record('t')).toMatchObject({ row: 0, attempts: 0 });
  });
});

describe('`attempts` of a new policy applies at once', () => {
  test('fewer: it is in quarantine since the failure that makes the row as long', () => {
    const story = afterwards(5);
    story.reload(75, calm({ backoff: quick, attempts: 3 }));
    expect(story.says('t')).toBe(`quarantined until ${60 + minutes(10)}`);
  });
  test('and abandoned, counted from that failure', () => {
    // The third failure was at 30 s, the fifth try at 60 s.
    const within = (abandonAfterMs: number) => ({ quarantine: { retryEveryMs: 600_000, abandonAfterMs } });
    const story = afterwards(5);
    story.reload(75, calm({ backoff: quick, attempts: 3, ...within(31_000) }));
    expect(story.says('t')).toMatch(/^quarantined/);
    story.reload(75, calm({ backoff: quick, attempts: 3, ...within(30_000) }));
    expect(story.says('t')).toBe('abandoned until never');
  });
  test('more: it is out of quarantine', () => {
    const story = afterwards(8);
    story.reload(121, calm({ backoff: quick, attempts: 20 }));
    expect(story.says('t')).toBe('restart');
  });
  test('another retryEvery counts from the last attempt', () => {
    const story = afterwards(8);
    story.reload(121, calm({ backoff: quick, quarantine: { retryEveryMs: 60_000, abandonAfterMs: 3_600_000 } }));
    expect(story.says('t')).toBe('quarantined until 165');
  });
});

describe('observing', () => {
  test('nobody calls an end recovered to which nothing was sent', () => {
    const story = new Story(calm({ mode: 'observe' })).list(0, { t: 'stopped' });
    story.list(15, { t: 'active' }).list(75, { t: 'active' });
    expect(story.endings()).toEqual(['t external']);
  });
  test('firstSight: observe leaves alone what was stopped at first, until it has run once', () => {
    const story = new Story(calm({ firstSight: 'observe' })).list(0, { old: 'stopped', t: 'active' });
    story.list(15, { old: 'stopped', t: 'stopped' });
    expect(story.send(15)).toEqual(['t']);
    story.list(30, { old: 'active', t: 'active' }).list(45, { old: 'stopped', t: 'active' });
    story.list(120, { old: 'stopped', t: 'active' });
    expect(story.send(120)).toEqual(['old']);
  });
});

describe('whoever is given up again is told of again', () => {
  const patient = (attempts: number, abandonAfterMs = 72 * 3_600_000) =>
    calm({ backoff: quick, attempts, quarantine: { retryEveryMs: 600_000, abandonAfterMs } });
  const stages = (story: Story) =>
    story.events.flatMap((event) =>
      /^task-(quarantined|abandoned|released)$/.test(event.type) && 'taskId' in event
        ? [event.type === 'task-released' ? event.cause : event.type]
        : [],
    );
  test('more attempts take it out, and it fails as often', () => {
    const story = afterwards(8).reload(121, patient(10));
    for (const seconds of [135, 150, 165]) {
      story.list(seconds, { t: 'stopped' });
      story.send(seconds, forbidden);
    }
    expect(stages(story)).toEqual(['task-quarantined', 'too-few-failures', 'task-quarantined']);
    expect(story.told('task-quarantined')).toMatchObject([{ failures: 8 }, { failures: 10 }]);
    // What failed still counts.
    expect(story.record('t')).toMatchObject({ row: 10, attempts: 10 });
  });
  test('a longer abandonAfter leaves it in quarantine, and it fails for as long', () => {
    const story = afterwards(8, { quarantine: { retryEveryMs: 600_000, abandonAfterMs: 1_000_000 } });
    for (const seconds of [705, 1_305]) story.list(seconds, { t: 'stopped' }).send(seconds, forbidden);
    story.list(1_320, { t: 'stopped' }).reload(1_325, patient(8, 2_000_000));
    for (const seconds of [1_335, 1_905, 2_505]) story.list(seconds, { t: 'stopped' }).send(seconds, forbidden);
    story.list(2_520, { t: 'stopped' });
    expect(stages(story)).toEqual([
      ...['task-quarantined', 'task-abandoned', 'too-few-failures'],
      ...['task-quarantined', 'task-abandoned'],
    ]);
  });
  test('its group only observes, and then heals again', () => {
    const story = afterwards(8)
      .reload(121, calm({ mode: 'observe' }))
      .list(135, { t: 'stopped' });
    story.reload(140, patient(8)).list(150, { t: 'stopped' });
    expect(stages(story)).toEqual(['task-quarantined', 'too-few-failures', 'task-quarantined']);
  });
});
