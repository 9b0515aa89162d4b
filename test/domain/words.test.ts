import { describe, expect, test } from 'vitest';
import { cloudTime } from '../../src/domain/words/cloud-time.ts';
import { classMeanings, errorClasses, isWaitedOut } from '../../src/domain/words/failure.ts';
import { reasonMeanings, reasons } from '../../src/domain/words/reason.ts';
import { showsTheSame, type TaskItem } from '../../src/domain/words/task.ts';

test('the reasons stand in the order of authority', () => {
  expect(reasons.join(' ')).toBe(
    'unmanaged ended unknown-status standby blind circuit held outside-hours before-start near-end confirming ' +
      'observing in-flight verifying backoff quarantined abandoned storm',
  );
});

describe('what passes a reason', () => {
  const those = (which: (reason: (typeof reasons)[number]) => boolean) => reasons.filter(which).join(' ');
  test('a restart stays queued behind a storm and a circuit, and until a pause of its own or of the account ends', () => {
    expect(those((reason) => reasonMeanings[reason].queued === 'stays')).toBe('circuit storm');
    expect(those((reason) => reasonMeanings[reason].queued === 'until-its-time')).toBe('backoff quarantined');
  });
  test('an operator passes all but four, one of them with force, a circuit as its probe', () => {
    const by = (how: string) => those((reason) => reasonMeanings[reason].operator === how);
    expect(by('refused')).toBe('unmanaged ended standby in-flight');
    expect(by('with-force')).toBe('held');
    expect(by('as-probe')).toBe('circuit');
  });
});

describe('two sights of a task', () => {
  const sight: Required<TaskItem> = {
    taskId: 't',
    title: 'a',
    cloudGroup: 'g',
    type: 'live',
    status: 'active',
    statusText: 'x',
    startsAt: cloudTime(1),
    endsAt: cloudTime(2),
    source: 's',
    requestedAt: 1,
    asWritten: () => ({ title: 'a', cloudGroup: 'g' }),
  };
  const others: Omit<Required<TaskItem>, 'taskId' | 'requestedAt'> = {
    title: 'b',
    cloudGroup: 'h',
    type: 'vod',
    status: 'stopped',
    statusText: 'y',
    startsAt: cloudTime(3),
    endsAt: undefined,
    source: 'r',
    asWritten: () => ({ title: 'a', cloudGroup: 'h' }),
  };
  test.each(Object.entries(others))('differ by %s', (field, other) => {
    expect(showsTheSame(sight, { ...sight, [field]: other })).toBe(false);
  });
  test('say the same at another time', () => {
    expect(showsTheSame(sight, { ...sight, requestedAt: 2, asWritten: () => ({ ...sight.asWritten() }) })).toBe(true);
  });
});

describe('the classes of failure', () => {
  const those = (which: (name: (typeof errorClasses)[number]) => boolean) => errorClasses.filter(which).join(' ');
  test('a read is sent again where the cloud or the network failed for a moment', () => {
    expect(those((name) => classMeanings[name].resends > 0)).toBe('server common network timeout');
  });
  test('a class that opens a circuit at once needs a person', () => {
    expect(those((name) => classMeanings[name].restartCircuit === 'opens')).toBe('auth billing clock retired');
    expect(those((name) => classMeanings[name].restartCircuit === 'denies')).toBe('permission');
    expect(those((name) => classMeanings[name].listCircuit === 'opens')).toBe('auth permission billing clock retired');
    expect(those((name) => classMeanings[name].needsPerson)).toBe('auth permission billing clock retired');
  });
  test('five in a row of these open the restart circuit', () => {
    expect(those((name) => classMeanings[name].restartCircuit === 'counts')).toBe(
      'quota server common network timeout unknown',
    );
  });
  test('what is given back without a circuit is waited out, and nothing else is', () => {
    expect(isWaitedOut({ attempt: 'given-back', restartCircuit: 'nothing' })).toBe(true);
    expect(isWaitedOut({ attempt: 'given-back', restartCircuit: 'opens' })).toBe(false);
    expect(isWaitedOut({ attempt: 'throttled', restartCircuit: 'nothing' })).toBe(false);
    expect(isWaitedOut({ attempt: 'failed', restartCircuit: 'nothing' })).toBe(false);
  });
});

test('sentences are written alike: a capital first, no full stop at the end', () => {
  const sentences = [...Object.values(reasonMeanings), ...Object.values(classMeanings)].flatMap((row) => [
    row.means,
    row.advice,
  ]);
  expect(sentences.filter((sentence) => !/^[A-Z`].*[^.]$/.test(sentence))).toEqual([]);
});
