import { describe, expect, test } from 'vitest';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { RestartAnswer } from '../../src/domain/words/task.ts';
import {
  accepted,
  at,
  begin,
  hours,
  item,
  notSent,
  plainPolicy,
  policiesOf,
  refusal,
  Story,
  tasks,
  throttled,
  unanswered,
} from './story.ts';

const forbidden = refusal('forbidden', 'RequestForbidden');
const calm = (more: Partial<Policy> = {}): Policies => ({
  ...policiesOf({ ...plainPolicy, storm: false, budget: false, ...more }),
  storm: false,
});
const stopped = (more: Parameters<typeof item>[2] = {}, policies: Policies = calm()) =>
  new Story(policies).list(0, { t: item('t', 'stopped', more) });

describe('a restart by hand', () => {
  const rows: readonly [sentence: string, story: () => Story, says: 'sent' | RegExp][] = [
    ['of a stopped task goes', () => stopped(), 'sent'],
    ['of a running one does not', () => new Story(calm()).list(0, { t: 'active' }), /^it runs/],
    [
      'nor of one that a look saw run',
      () => {
        const story = stopped();
        story.send(0);
        return story.look(5, { t: 'active' });
      },
      /^it runs/,
    ],
    [
      'of one that ran when we last saw it goes',
      () => {
        const story = new Story(calm()).list(0, { t: 'active' });
        story.tell([{ type: 'owner-gained', at: begin, account: 'main', epoch: 2 }]);
        return story;
      },
      'sent',
    ],
    [
      'of one that ran, and whose cloud group the newest poll could not read, goes',
      () => new Story(calm()).list(0, { t: 'active' }).list(15, {}, { failedCloudGroups: ['vip'] }),
      'sent',
    ],
    ['does not pass unmanaged', () => stopped({ cloudGroup: 'elsewhere' }), /^unmanaged: /],
    ['does not pass ended', () => stopped({ endsAt: at(-1) }), /^ended: /],
    ['does not pass 已结束', () => new Story(calm()).list(0, { t: 'ended' }), /^ended: /],
    [
      'does not pass standby',
      () => {
        const story = stopped();
        story.tell([{ type: 'owner-lost', at: begin, account: 'main' }]);
        return story;
      },
      /^standby: /,
    ],
    [
      'does not pass in-flight',
      () => {
        const story = stopped();
        story.intend(0);
        return story;
      },
      /^in-flight: /,
    ],
    ['does not pass an open list circuit', () => stopped().failedList(0, 'auth'), /^circuit: /],
    ['does not pass a hold', () => stopped().hold('h', { kind: 'task', taskId: 't' }), /^held: .*--force/],
    ['nor one of its group', () => stopped().hold('h', { kind: 'group', group: 'vip' }), /^held: /],
    ['nor one of the account', () => stopped().hold('h', { kind: 'account' }), /^held: /],
    ['passes a hold that has ended', () => stopped().hold('h', { kind: 'account' }, at(0)), 'sent'],
    ['passes an unknown status', () => new Story(calm()).list(0, { t: 'unknown' }), 'sent'],
    [
      'passes blind',
      () => {
        const story = stopped();
        story.tell([{ type: 'owner-gained', at: begin, account: 'main', epoch: 2 }]);
        return story;
      },
      'sent',
    ],
    [
      'passes outside-hours',
      () => stopped({}, calm({ hours: [{ days: ['sun'], fromMinute: 0, toMinute: 60, timezone: 'UTC' }] })),
      'sent',
    ],
    ['passes before-start', () => stopped({ startsAt: at(3_600) }), 'sent'],
    ['passes near-end', () => stopped({ endsAt: at(30) }), 'sent'],
    ['passes confirming', () => stopped({}, calm({ confirm: 5 })), 'sent'],
    [
      'passes verifying',
      () => {
        const story = stopped();
        story.send(0);
        return story;
      },
      'sent',
    ],
    [
      'passes backoff',
      () => {
        const story = stopped();
        story.send(0, forbidden);
        return story;
      },
      'sent',
    ],
    [
      'passes a throttled account',
      () => {
        const story = stopped();
        story.send(0, throttled);
        return story;
      },
      'sent',
    ],
    [
      'passes quarantined',
      () => {
        const story = stopped({}, calm({ attempts: 1 }));
        story.send(0, forbidden);
        return story;
      },
      'sent',
    ],
    ['passes observing', () => stopped({}, calm({ mode: 'observe' })), 'sent'],
    [
      'passes a storm',
      () => {
        const story = new Story(policiesOf(plainPolicy)).list(0, { ...tasks(9, 'stopped'), t: 'stopped' });
        story.queue = story.queue.filter((taskId) => taskId !== 't');
        expect(story.send(0).length).toBe(3);
        return story;
      },
      'sent',
    ],
    [
      'passes an open restart circuit',
      () => {
        const story = new Story(calm()).list(0, { a: 'stopped', t: 'stopped' });
        story.send(0, refusal('billing'), 1);
        return story;
      },
      'sent',
    ],
  ];
  test.each(rows)('%s', (_sentence, story, says) => {
    const said = story().byHand(0, 't');
    if (typeof says === 'string') expect(said).toBe(says);
    else expect(said).toMatch(says);
  });
  test('with force passes a hold', () => {
    expect(stopped().hold('h', { kind: 'task', taskId: 't' }).byHand(0, 't', accepted, true)).toBe('sent');
  });
  test('force passes nothing else', () => {
    expect(stopped({ endsAt: at(-1) }).byHand(0, 't', accepted, true)).toMatch(/^ended/);
  });
  test('of a gone task does not go', () => {
    const story = new Story(calm()).list(0, { t: 'active', u: 'active' });
    for (const seconds of [15, 30, 45]) story.list(seconds, { u: 'active' });
    expect(story.byHand(45, 't')).toMatch(/gone/);
  });
});

describe('it counts for nothing', () => {
  test('a refusal is no failed attempt', () => {
    const story = stopped();
    story.byHand(0, 't', forbidden);
    expect(story.record('t')).toMatchObject({ attempts: 0, row: 0, failedAt: [], lastAttemptAt: undefined });
    expect(story.list(15, { t: 'stopped' }).send(15)).toEqual(['t']);
    expect(story.told('restart-intended').at(-1)).toMatchObject({ n: 1, trigger: 'auto' });
  });
  test('a refusal that could mean that it runs is told at once: no list is waited for', () => {
    const story = stopped();
    story.byHand(0, 't', refusal('invalid', 'InvalidParam'));
    expect(story.told('restart-failed')).toMatchObject([{ cause: 'InvalidParam', trigger: 'manual' }]);
    expect(story.byHand(1, 't')).toBe('sent');
  });
  test('nor is one that did not recover', () => {
    const story = stopped();
    story.byHand(0, 't');
    expect(story.says('t', 1)).toBe('verifying until 60');
    story.list(75, { t: 'stopped' });
    expect(story.record('t')).toMatchObject({ attempts: 0, row: 0 });
    expect(story.send(75)).toEqual(['t']);
  });
  test('nor one that stopped again', () => {
    const story = stopped();
    story.byHand(0, 't');
    story.list(15, { t: 'active' }).list(30, { t: 'stopped' });
    expect(story.record('t')).toMatchObject({ attempts: 0, row: 0 });
  });
  test('and fills no storm window', () => {
    const story = new Story(policiesOf(plainPolicy)).list(0, tasks(9, 'stopped'));
    for (const taskId of ['t00', 't01', 't02', 't03']) expect(story.byHand(0, taskId)).toBe('sent');
    expect([story.unsettled('vip'), story.window('vip')]).toEqual([0, 3]);
    story.look(5, { t00: 'active' });
    expect(story.window('vip')).toBe(3);
    expect(story.send(5).length).toBe(3);
  });
  test('but an outage that it ends is recovered', () => {
    const story = stopped();
    story.byHand(0, 't');
    story.list(15, { t: 'active' }).list(75, { t: 'active' });
    expect(story.endings()).toEqual(['t recovered']);
  });
});

describe('it forgets the attempts before it', () => {
  const tried = (more: Partial<Policy> = {}) => {
    const story = stopped({}, calm(more));
    story.send(0, forbidden);
    story.list(15, { t: 'stopped' }).send(15, forbidden);
    return story.list(30, { t: 'stopped' });
  };
  test('backoff and row', () => {
    const story = tried();
    story.byHand(31, 't', unanswered());
    expect(story.record('t')).toMatchObject({ attempts: 0, row: 0, failedAt: [], lastAttemptAt: undefined });
  });
  test('quarantine, and tells the release', () => {
    const story = tried({ attempts: 2 });
    expect(story.says('t')).toMatch(/^quarantined/);
    story.byHand(31, 't', forbidden);
    expect(story.told('task-released')).toMatchObject([{ taskId: 't', by: 'eve', cause: 'operator' }]);
    expect(story.list(45, { t: 'stopped' }).says('t')).toBe('restart');
  });
  const none: readonly [sentence: string, answer: RestartAnswer][] = [
    ['is throttled', throttled],
    ['never left', notSent],
    ['opens the circuit', refusal('billing')],
  ];
  test.each(none)('but not when it %s: it was none', (_sentence, answer) => {
    const story = tried({ attempts: 2 });
    story.byHand(31, 't', answer);
    expect(story.record('t')).toMatchObject({ row: 2, attempts: 2, lastAttemptAt: at(15), stageTold: 'quarantined' });
    expect(story.told('task-released')).toEqual([]);
    expect(story.list(45, { t: 'stopped' }).verdict('t')).toMatchObject({ kind: 'wait' });
  });
});

describe('holds', () => {
  test('one that ends lets the task go, and is told as expired', () => {
    const story = stopped().hold('h', { kind: 'task', taskId: 't' }, at(30));
    expect(story.list(15, { t: 'stopped' }).send(15)).toEqual([]);
    expect(story.list(30, { t: 'stopped' }).send(30)).toEqual(['t']);
    expect([story.told('hold-expired').length, story.ledger.holds.size]).toEqual([1, 0]);
  });
  test('of several that cover a task the last to end counts', () => {
    const story = stopped();
    story.hold('a', { kind: 'task', taskId: 't' }, at(60));
    story.hold('b', { kind: 'group', group: 'vip' }, at(120));
    story.hold('c', { kind: 'task', taskId: 't' }, at(90));
    expect(story.says('t')).toBe('held until 120');
    story.hold('d', { kind: 'account' });
    expect(story.says('t')).toBe('held until never');
  });
  test('of two with the same target too, in whichever order they came', () => {
    const story = stopped();
    story.hold('a', { kind: 'task', taskId: 't' }, at(90)).hold('b', { kind: 'task', taskId: 't' }, at(60));
    expect(story.says('t')).toBe('held until 90');
  });
  test('one of another task or group covers nothing here', () => {
    const story = stopped();
    story.hold('a', { kind: 'task', taskId: 'u' }).hold('b', { kind: 'group', group: 'other' });
    expect(story.says('t')).toBe('restart');
  });
  test('clocks of waiting run on under a hold', () => {
    const story = stopped();
    story.send(0, forbidden);
    story.hold('h', { kind: 'task', taskId: 't' }, at(20));
    expect(story.list(15, { t: 'stopped' }).says('t')).toBe('held until 20');
    expect(story.list(30, { t: 'stopped' }).send(30)).toEqual(['t']);
  });
  test('set while the restart waits in its lane: it does not go', () => {
    const story = stopped();
    expect(story.queue).toEqual(['t']);
    story.hold('h', { kind: 'task', taskId: 't' });
    expect([story.send(1), story.told('restart-intended')]).toEqual([[], []]);
  });
  test('what is awaited is settled all the same', () => {
    const story = stopped();
    story.send(0);
    story.hold('h', { kind: 'task', taskId: 't' });
    story.list(15, { t: 'active' }).list(75, { t: 'active' });
    expect(story.endings()).toEqual(['t recovered']);
  });
  test('a hold ends long before the task: its end is shown', () => {
    const story = stopped({ endsAt: at(hours(2)) }).hold('h', { kind: 'task', taskId: 't' }, at(hours(1)));
    expect(story.says('t')).toBe(`held until ${hours(1)}`);
  });
});

test('a release while a restart is out: that it is given back afterwards brings no older attempt back', () => {
  const story = stopped();
  story.send(0, accepted);
  story.list(75, { t: 'stopped' });
  expect(story.record('t')).toMatchObject({ attempts: 1, row: 1 });
  story.intend(91);
  story.release(91, 't').answer(92, 't', throttled);
  expect(story.record('t')).toMatchObject({ attempts: 0, lastAttemptAt: undefined, row: 0 });
});
