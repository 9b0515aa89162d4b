/** Watching does not look like acting: what would have been sent is kept apart from what was sent. */
import { describe, expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { taskView } from '../../src/domain/views/views.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import { accepted, begin, hours, minutes, plainPolicy, policiesOf, refusal, Story, tasks } from './story.ts';

const observing = (more: Partial<Policy> = {}): Policies =>
  policiesOf({ ...plainPolicy, mode: 'observe', ...more, storm: false });

/** Lists every 15 s that show it stopped; the seconds at which a restart would have been sent. */
function shadowsOf(story: Story, until: number): readonly number[] {
  const seconds: number[] = [];
  for (let now = 0; now <= until; now += 15) {
    const before = story.told('restart-shadowed').length;
    story.list(now, { t: 'stopped' });
    if (story.told('restart-shadowed').length > before) seconds.push(now);
    expect(story.send(now)).toEqual([]);
  }
  return seconds;
}

const view = (story: Story, seconds: number) =>
  taskView(story.record('t'), situationOf(story.ledger, story.policies, story.moment(seconds)));

describe('shadow attempts are paced like real ones', () => {
  const rows: readonly [sentence: string, policy: Partial<Policy>, until: number, seconds: readonly number[]][] = [
    ['at once, then after the time that a real one would be awaited', {}, 150, [0, 60, 120]],
    [
      'by their backoff, where that is longer',
      { verifyWithinMs: 10_000, backoff: { ...plainPolicy.backoff, initialMs: 30_000 } },
      220,
      [0, 30, 90, 210],
    ],
    [
      'after `attempts` of them as in quarantine',
      { attempts: 2, quarantine: { retryEveryMs: 600_000, abandonAfterMs: 1 } },
      1_300,
      [0, 60, 660, 1_260],
    ],
  ];
  test.each(rows)('%s', (_sentence, policy, until, seconds) => {
    expect(shadowsOf(new Story(observing(policy)), until)).toEqual(seconds);
  });
  test('with jitter', () => {
    const jitter = { ...plainPolicy.backoff, initialMs: 100_000, jitterPercent: 100 };
    const [, second] = shadowsOf(new Story(observing({ backoff: jitter })), 300);
    expect(second).toBeGreaterThan(100);
  });
});

describe('an observed task', () => {
  test('is in no count of attempts, awaits nothing and is never given up', () => {
    const story = new Story(observing({ attempts: 2, quarantine: { retryEveryMs: 60_000, abandonAfterMs: 60_000 } }));
    expect(shadowsOf(story, minutes(30)).length).toBeGreaterThan(5);
    const record = story.record('t');
    expect(record).toMatchObject({ attempts: 0, row: 0, failedAt: [], outage: { attempts: 0 } });
    expect([record.attempt, record.lastAttemptAt, record.stageTold]).toEqual([undefined, undefined, undefined]);
    const types = new Set(story.events.map(({ type }) => type));
    for (const type of ['restart-intended', 'restart-failed', 'task-quarantined', 'task-abandoned'] as const)
      expect(types).not.toContain(type);
    expect([...story.ledger.unsettled, ...story.ledger.budget]).toEqual([]);
  });
  test('says which restart would go, and when', () => {
    const story = new Story(observing()).list(0, { t: 'stopped' });
    expect(view(story, 0).verdict).toMatchObject({ reason: 'observing', wouldGo: { n: 2, at: begin + 60_000 } });
    story.list(60, { t: 'stopped' });
    expect(view(story, 60).verdict.sentence).toBe(
      'It is not restarted: its group only observes; restart 3 would go at 2026-01-05T00:02:00.000Z.',
    );
    const soon = new Story(observing({ confirm: 1 })).list(0, { t: 'active' }).list(15, { t: 'stopped' });
    expect(view(soon, 74).verdict.sentence).toContain('restart 2 would go at 2026-01-05T00:01:15.000Z');
    soon.list(74, { t: 'stopped' });
    expect(view(soon, 75).verdict.sentence).toContain('restart 2 would go now');
  });
  test('that is held, or not yet confirmed, casts no shadow', () => {
    const held = new Story(observing());
    held.hold('h', { kind: 'task', taskId: 't' }).list(0, { t: 'stopped' }).list(60, { t: 'stopped' });
    expect([held.told('restart-shadowed').length, view(held, 60).verdict.reason]).toEqual([0, 'held']);
    const young = new Story(observing({ confirm: 3 })).list(0, { t: 'stopped' }).list(15, { t: 'stopped' });
    expect([young.told('restart-shadowed').length, young.says('t')]).toEqual([0, 'confirming until never']);
  });
  test('brings no storm, neither of its own nor of others', () => {
    const story = new Story(policiesOf({ ...plainPolicy, mode: 'observe' })).list(0, tasks(20, 'stopped'));
    expect(story.told('storm-started')).toEqual([]);
    expect(story.told('restart-shadowed').length).toBe(20);
  });
  test('that is restarted by hand and stays down is not given up either', () => {
    const story = new Story(observing({ attempts: 1 })).list(0, { t: 'stopped' });
    expect(story.byHand(5, 't', refusal('forbidden', 'RequestForbidden'))).toBe('sent');
    story.list(15, { t: 'stopped' });
    expect([story.says('t'), view(story, 15).givenUp]).toEqual(['observing until never', null]);
  });
});

describe('a group that starts to heal begins afresh', () => {
  const healing = policiesOf({ ...plainPolicy, storm: false });
  test('its first attempt is number 1 and goes with the next poll, however many shadows there were', () => {
    const story = new Story(observing({ attempts: 2, quarantine: { retryEveryMs: 60_000, abandonAfterMs: 60_000 } }));
    shadowsOf(story, hours(1));
    story.reload(hours(1) + 5, healing);
    expect(story.says('t')).toBe('restart');
    story.list(hours(1) + 15, { t: 'stopped' });
    expect(story.send(hours(1) + 15, accepted)).toEqual(['t']);
    expect(story.told('restart-intended')).toMatchObject([{ n: 1, trigger: 'auto' }]);
  });
  test('and one that observes again counts its shadows from 1', () => {
    const story = new Story(observing());
    shadowsOf(story, 120);
    story.reload(121, healing);
    expect(story.record('t').shadow).toBeUndefined();
    story.reload(122, observing()).list(135, { t: 'stopped' });
    expect(story.told('restart-shadowed').at(-1)).toMatchObject({ n: 1 });
  });
  test('a task that ran for resetAfter begins at 1 too', () => {
    const story = new Story(observing()).list(0, { t: 'stopped' });
    for (let now = 15; now <= minutes(11); now += 15) story.list(now, { t: 'active' });
    story.list(minutes(11) + 15, { t: 'stopped' });
    expect(story.told('restart-shadowed').map((event) => 'n' in event && event.n)).toEqual([1, 1]);
  });
});
