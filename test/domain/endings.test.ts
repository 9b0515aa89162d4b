/** Which tasks end soon with nobody to follow them: they go dark as planned, and nothing else tells of it. */
import { describe, expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { endingsOf, successorOf } from '../../src/domain/views/endings.ts';
import { groupViews } from '../../src/domain/views/views.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import { at, hours, type ItemFields, item, plainPolicy, policiesOf, Story } from './story.ts';

interface Row extends ItemFields {
  readonly status?: Parameters<typeof item>[1];
  /** The fingerprint of where it pushes to. */
  readonly to?: number;
}

/** Now it is second 0, and the warning comes 6 h before the end. */
function seen(rows: Readonly<Record<string, Row>>, more: Partial<Policy> = {}, clockOffsetMs = 0) {
  const story = new Story(policiesOf({ ...plainPolicy, ...more }));
  story.clockOffsetMs = clockOffsetMs;
  story.list(
    0,
    Object.fromEntries(
      Object.entries(rows).map(([taskId, { status = 'active', to: _, ...fields }]) => [
        taskId,
        item(taskId, status, fields),
      ]),
    ),
  );
  const situation = situationOf(story.ledger, story.policies, story.moment());
  const destinationOf = (taskId: string) => rows[taskId]?.to;
  return { story, situation, destinationOf };
}
/** By what the census counted, and by a walk of its own, as of a ledger that is another process's. */
const soonOf = (...args: Parameters<typeof seen>) => {
  const { situation, destinationOf } = seen(...args);
  const counted = endingsOf(situation, destinationOf);
  const { ledger } = situation;
  const followed = { ...situation, ledger: { ...ledger, counted: undefined } };
  expect(endingsOf(followed, destinationOf)).toEqual(counted);
  expect(ledger.counted?.policies).toBe(situation.policies);
  return counted.soon.map(({ taskId }) => taskId);
};

describe('a task is told of', () => {
  const ends = (inHours: number, more: Row = {}): Row => ({ endsAt: at(hours(inHours)), to: 1, ...more });
  test.each<[string, Readonly<Record<string, Row>>, Partial<Policy>, readonly string[]]>([
    ['when it ends within 6 h', { a: ends(5) }, {}, ['a']],
    ['to the millisecond', { a: ends(6), b: { endsAt: at(hours(6)) + 1, to: 2 } }, {}, ['a']],
    ['the soonest first', { a: ends(5, { to: 1 }), b: ends(1, { to: 2 }) }, {}, ['b', 'a']],
    ['not when it has no end', { a: { endsAt: undefined, to: 1 } }, {}, []],
    ['not when it has ended by the clock', { a: ends(0) }, {}, []],
    ['not when the cloud says 已结束', { a: ends(5, { status: 'ended' }) }, {}, []],
    [
      'also when it is stopped, or has not begun',
      { a: ends(5, { status: 'stopped' }), b: ends(4, { status: 'not-started', to: 2 }) },
      {},
      ['b', 'a'],
    ],
    ['not when nobody manages it', { a: ends(5, { cloudGroup: 'other' }) }, {}, []],
    [
      'as early as its group says',
      { a: ends(20) },
      { endWarning: { beforeMs: hours(24) * 1_000, unlessSuccessor: true } },
      ['a'],
    ],
    ['not when its group does not want it', { a: ends(1) }, { endWarning: false }, []],
    ['also when it is only observed', { a: ends(5) }, { mode: 'observe' }, ['a']],
    ['not when a later task has the same destination', { a: ends(5), b: ends(30) }, {}, []],
    ['when the later one pushes elsewhere', { a: ends(5), b: ends(30, { to: 2 }) }, {}, ['a']],
    ['not when one without end has it', { a: ends(5), b: { endsAt: undefined, to: 1 } }, {}, []],
    ['not when one that nobody manages has it', { a: ends(5), b: ends(30, { cloudGroup: 'other' }) }, {}, []],
    ['when the other has ended', { a: ends(5), b: ends(30, { status: 'ended' }) }, {}, ['a']],
    ['both, when they end together', { a: ends(5), b: ends(5) }, {}, ['a', 'b']],
    ['of a row of three only the last', { a: ends(1), b: ends(3), c: ends(5) }, {}, ['c']],
    ['when no destination is known', { a: ends(5, { to: undefined }), b: ends(30, { to: undefined }) }, {}, ['a']],
    [
      'whoever follows, if the group wants it so',
      { a: ends(5), b: ends(30) },
      { endWarning: { beforeMs: hours(6) * 1_000, unlessSuccessor: false } },
      ['a'],
    ],
  ])('%s', (_what, rows, more, expected) => expect(soonOf(rows, more)).toEqual(expected));
});

test('a task that the list lacks follows nobody', () => {
  const { story, destinationOf } = seen({ a: { endsAt: at(hours(5)), to: 1 }, b: { endsAt: at(hours(30)), to: 1 } });
  story.list(15, { a: item('a', 'active', { endsAt: at(hours(5)) }) });
  const situation = situationOf(story.ledger, story.policies, story.moment());
  expect(endingsOf(situation, destinationOf).soon.map(({ taskId }) => taskId)).toEqual(['a']);
});

test('of several that follow the one that begins first is named', () => {
  const { story, situation } = seen({
    a: { endsAt: at(hours(5)), to: 1 },
    late: { startsAt: at(hours(8)), endsAt: at(hours(30)), status: 'not-started', to: 1 },
    next: { startsAt: at(hours(4)), endsAt: at(hours(9)), status: 'not-started', to: 1 },
  });
  expect(successorOf(situation, story.record('a'), ['a', 'late', 'next'])?.taskId).toBe('next');
});

test("each group's next end, whoever follows, by our own clock; and how many end soon", () => {
  const rows = { a: { endsAt: at(hours(20)), to: 1 }, b: { endsAt: at(hours(5)), to: 2 }, c: { endsAt: undefined } };
  const { situation, destinationOf } = seen(rows, {}, 600_000);
  const [group] = groupViews(situation, destinationOf).groups;
  expect([group?.nextEndAt, group?.endingSoon]).toEqual([at(hours(5)) - 600_000, 1]);
});

test('what was found in a list is looked for once; what has ended since is left out, and a new policy applies at once', () => {
  const { story, situation, destinationOf } = seen({
    a: { endsAt: at(60), to: 1 },
    b: { endsAt: at(hours(5)), to: 2 },
  });
  let looked = 0;
  const counted = (taskId: string) => {
    looked++;
    return destinationOf(taskId);
  };
  const idsAt = (seconds: number) =>
    endingsOf(situationOf(story.ledger, story.policies, story.moment(seconds)), counted).soon.map(
      ({ taskId }) => taskId,
    );
  expect(endingsOf(situation, counted).soon.map(({ taskId }) => taskId)).toEqual(['a', 'b']);
  const before = looked;
  expect([idsAt(59), idsAt(60)]).toEqual([['a', 'b'], ['b']]);
  expect(looked).toBe(before);
  story.reload(61, policiesOf({ ...plainPolicy, endWarning: false }));
  expect(idsAt(61)).toEqual([]);
});
