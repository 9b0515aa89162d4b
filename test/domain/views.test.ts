import { expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { taskView } from '../../src/domain/views/views.ts';
import { item, Story } from './story.ts';

test('a task whose title is empty or blank is shown by its id', () => {
  const shown = { a: item('a', 'active', { title: '' }), b: item('b', 'active', { title: ' ' }), c: 'active' } as const;
  const story = new Story().list(0, shown);
  const situation = situationOf(story.ledger, story.policies, story.moment());
  expect([...story.ledger.tasks.values()].map((record) => taskView(record, situation).title)).toEqual([
    'a',
    'b',
    'title c',
  ]);
});

test('of a task that no newer poll shows it is said that it ran, not that it runs', () => {
  const story = new Story().list(0, { a: 'active', b: item('b', 'active', { cloudGroup: 'ill' }) });
  const said = () => {
    const situation = situationOf(story.ledger, story.policies, story.moment());
    return [...story.ledger.tasks.values()].map((record) => taskView(record, situation).verdict.sentence);
  };
  const runs = 'It runs: there is nothing to restart.';
  expect(said()).toEqual([runs, runs]);
  story.list(15, { a: 'active' }, { failedCloudGroups: ['ill'] });
  expect(said()).toEqual([runs, 'It ran when it was last listed; whether it still does no newer poll shows.']);
});
