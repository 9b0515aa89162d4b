/** Sights that overtake each other: what was asked for earlier says nothing against what was seen later. */
import { expect, test } from 'vitest';
import { plainPolicy, policiesOf, refusal, Story } from './story.ts';

const quick = policiesOf({ ...plainPolicy, backoff: { ...plainPolicy.backoff, initialMs: 5_000 } });
const invalid = refusal('invalid', 'InvalidParam');

test('refused because it runs already: the look that shows so is the end of it, also before the next list', () => {
  const story = new Story(quick).list(0, { t: 'active' }).list(15, { t: 'stopped' });
  expect(story.send(15, invalid)).toEqual(['t']);
  story.look(20, { t: 'active' });
  expect(story.says('t', 29)).toBe('none');
  expect(story.send(29)).toEqual([]);
  story.list(30, { t: 'stopped' }); // a list that was asked for later may say otherwise
  expect(story.send(30)).toEqual(['t']);
});

test('a list that was asked for before a look saw the task run does not stop it again', () => {
  const story = new Story(quick).list(0, { t: 'active' }).list(15, { t: 'stopped' });
  expect(story.send(15)).toEqual(['t']);
  story.look(25, { t: 'active' }).list(24, { t: 'stopped' });
  expect(story.says('t', 26)).toBe('none');
  expect(story.send(26)).toEqual([]);
  story.list(45, { t: 'stopped' });
  expect(story.events.filter(({ type }) => type === 'restart-failed')).toMatchObject([{ cause: 'stopped-again' }]);
});

test('a task that a look saw run after a restart by hand is no longer one that was stopped at first sight', () => {
  const story = new Story(policiesOf({ ...plainPolicy, firstSight: 'observe' })).list(0, { t: 'stopped' });
  expect(story.record('t').stoppedAtFirstSight).toBe(true);
  expect(story.byHand(5, 't')).toBe('sent');
  story.look(10, { t: 'active' }).list(30, { t: 'stopped' });
  expect(story.record('t').stoppedAtFirstSight).toBe(false);
});
