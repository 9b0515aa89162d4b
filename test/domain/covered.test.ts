import { expect, test } from 'vitest';
import { addHold } from '../../src/domain/decide/operator.ts';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { holdViews } from '../../src/domain/views/covered.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import { at, item, plainPolicy, policiesOf, Story } from './story.ts';

const hold = (id: string, target: Hold['target'], endsAt?: number): Hold => ({
  id,
  account: 'main',
  target,
  author: 'a',
  reason: 'r',
  createdAt: at(0),
  endsAt,
});

test('a hold is shown with what it covers now: managed tasks that are listed, and how many of them are stopped', () => {
  const other = { ...plainPolicy, name: 'news', match: { ...plainPolicy.match, cloudGroup: ['news'] } };
  const story = new Story(policiesOf(plainPolicy, other));
  const holds = [
    hold('all', { kind: 'account' }),
    hold('vip', { kind: 'group', group: 'vip' }),
    hold('none', { kind: 'group', group: 'renamed' }),
    hold('task', { kind: 'task', taskId: 'b' }),
    hold('unknown', { kind: 'task', taskId: 'x' }),
    hold('over', { kind: 'account' }, at(10)),
  ];
  story.tell(holds.map((one) => addHold(one, at(0))));
  story.list(15, {
    a: 'active',
    b: item('b', 'stopped', { title: '世界杯01' }),
    c: item('c', 'stopped', { cloudGroup: 'news' }),
    d: item('d', 'stopped', { cloudGroup: 'nobody' }),
  });
  const views = holdViews(situationOf(story.ledger, story.policies, story.moment()));
  expect(views.map(({ id, title, covers }) => [id, title, covers.tasks, covers.stopped])).toEqual([
    ['all', null, 3, 2],
    ['vip', null, 2, 1],
    ['none', null, 0, 0],
    ['task', '世界杯01', 1, 1],
    ['unknown', null, 0, 0],
  ]);
});
