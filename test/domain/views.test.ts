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
