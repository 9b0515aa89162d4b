import { expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { coversNow, holdViews } from '../../src/domain/views/covered.ts';
import { groupViews } from '../../src/domain/views/views.ts';
import { at, hold, holdAdded, item, plainPolicy, policiesOf, Story } from './story.ts';

test('a hold is shown with what it covers now: managed tasks that are listed, and how many of them are stopped', () => {
  const other = { ...plainPolicy, name: 'news', match: { ...plainPolicy.match, cloudGroup: ['news'] } };
  const story = new Story(policiesOf(plainPolicy, other));
  const holds = [
    hold('all', { kind: 'account' }),
    hold('vip', { kind: 'group', group: 'vip' }),
    hold('none', { kind: 'group', group: 'renamed' }),
    hold('task', { kind: 'task', taskId: 'b' }),
    hold('nameless', { kind: 'task', taskId: 'd' }),
    hold('unknown', { kind: 'task', taskId: 'x' }),
    hold('over', { kind: 'account' }, at(10)),
  ];
  story.tell(holds.map((one) => holdAdded(one, at(0))));
  story.list(15, {
    a: 'active',
    b: item('b', 'stopped', { title: '世界杯01' }),
    c: item('c', 'stopped', { cloudGroup: 'news' }),
    d: item('d', 'stopped', { cloudGroup: 'nobody', title: '' }),
  });
  const situation = situationOf(story.ledger, story.policies, story.moment());
  const views = holdViews(situation);
  expect(views.map(({ id, title, covers }) => [id, title, covers.tasks, covers.stopped])).toEqual([
    ['all', null, 3, 2],
    ['vip', null, 2, 1],
    ['none', null, 0, 0],
    ['task', '世界杯01', 1, 1],
    ['nameless', 'd', 0, 0],
    ['unknown', null, 0, 0],
  ]);
  // As a preview of each would say.
  expect(views.map(({ covers }) => covers)).toEqual(views.map(({ target }) => coversNow(situation, target)));
});

const holdsOf = (story: Story) => {
  const { groups } = groupViews(situationOf(story.ledger, story.policies, story.moment()));
  return groups.map(({ group, holds, holdEndsAt }) => [group, holds, holdEndsAt]);
};

test('a hold counts for a group only while it covers a task of it', () => {
  const named = (name: string) => ({ ...plainPolicy, name, match: { ...plainPolicy.match, cloudGroup: [name] } });
  const story = new Story(policiesOf(named('vip'), named('old'), named('empty')));
  const holds = [
    hold('all', { kind: 'account' }, at(900)),
    hold('vip', { kind: 'group', group: 'vip' }, at(800)),
    hold('empty', { kind: 'group', group: 'empty' }, at(700)),
    hold('ended', { kind: 'task', taskId: 'over' }, at(600)),
    hold('unknown', { kind: 'task', taskId: 'x' }, at(500)),
  ];
  story.tell(holds.map((one) => holdAdded(one, at(0))));
  const over = item('over', 'ended', { cloudGroup: 'old' });
  story.list(15, { a: 'active', over, later: item('later', 'ended') });
  expect(holdsOf(story)).toEqual([
    ['vip', 2, at(800)],
    ['old', 0, null],
    ['empty', 0, null],
  ]);
  // A task of the group ends, and another is no longer listed.
  story.tell([holdAdded(hold('b', { kind: 'task', taskId: 'b' }, at(400)), at(20))]);
  story.list(30, { a: 'active', b: 'active', over });
  expect(holdsOf(story)[0]).toEqual(['vip', 3, at(400)]);
  story.list(45, { a: 'active', over });
  expect(holdsOf(story)[0]).toEqual(['vip', 2, at(800)]);
  story.list(60, { a: 'ended', over });
  expect(holdsOf(story)[0]).toEqual(['vip', 0, null]);
});
