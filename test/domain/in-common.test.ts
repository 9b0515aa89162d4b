import { describe, expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { inCommon } from '../../src/domain/views/in-common.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { at, hold, holdAdded, type ItemFields, item, plainPolicy, policiesOf, type Shown, Story } from './story.ts';

const everything = { ...plainPolicy, match: { ...plainPolicy.match, cloudGroup: ['*'] } };
interface Told {
  readonly story?: Story;
  readonly hosts?: (taskId: string) => string;
}

/** First all run, then they are as shown. */
function toldOf(shown: Record<string, TaskItem>, { story = new Story(policiesOf(everything)), hosts }: Told = {}) {
  const healthy = Object.values(shown).map((one) => ({ ...one, status: 'active' }) as const);
  story.list(0, Object.fromEntries(healthy.map((one) => [one.taskId, one])));
  story.list(15, shown as Shown);
  return told(story, hosts);
}
const told = (story: Story, hosts?: (taskId: string) => string) =>
  inCommon(situationOf(story.ledger, story.policies, story.moment()), (taskId) =>
    hosts ? { sources: [hosts(taskId)], destination: 'push.example.com' } : undefined,
  );

/** So many that are down and so many that run; what else they are is asked by number. */
function some(down: number, running: number, more: (n: number) => ItemFields = () => ({})) {
  const ids = Array.from({ length: down + running }, (_, n) => [n, `t${String(n).padStart(3, '0')}`] as const);
  return Object.fromEntries(
    ids.map(([n, id]) => [id, item(id, n < down ? 'stopped' : 'active', { title: id, ...more(n) })]),
  );
}
const sentences = (views: readonly { readonly sentence: string; readonly trait: string }[]) =>
  views.filter(({ trait }) => trait !== 'start').map(({ sentence }) => sentence);
const numberOf = (taskId: string) => Number(taskId.slice(1));

describe('what most of the down share and the others do not', () => {
  test('the source host of 38 of 41, which 2 of the 160 that run have', () => {
    const isCause = (id: string) => numberOf(id) < 38 || (numberOf(id) >= 41 && numberOf(id) < 43);
    const views = toldOf(some(41, 160), { hosts: (id) => (isCause(id) ? 'live.example.com' : 'other.example.com') });
    expect(sentences(views)).toEqual(['38 of 41 down pull from live.example.com; of the 160 that run 2 do']);
    expect(views[0]).toMatchObject({
      account: 'main',
      trait: 'source-host',
      value: 'live.example.com',
      down: 38,
      ofDown: 41,
      running: 2,
      ofRunning: 160,
    });
  });

  test.each<[string, (n: number) => ItemFields, string]>([
    ['the cloud group', (n) => ({ cloudGroup: n < 6 ? 'sports' : 'news' }), 'are in the cloud group sports'],
    ['the title', (n) => ({ title: n < 6 ? `世界杯${n}` : `新闻${n}` }), 'have titles that begin with 世界杯'],
    ['the type', (n) => ({ type: n < 6 ? 'vod' : 'live' }), 'are of the type vod'],
  ])('%s', (_what, more, words) => {
    const all = sentences(toldOf(some(6, 30, more)));
    expect(all).toEqual([expect.stringContaining(`6 of 6 down ${words}; of the 30 that run none `)]);
  });

  test('the most telling first, and no more than three', () => {
    const isDown = (n: number) => n < 6;
    const views = toldOf(
      some(6, 30, (n) => ({
        cloudGroup: isDown(n) || n < 16 ? 'sports' : 'news',
        title: `${isDown(n) ? '世界杯' : '新闻'}${n}`,
        type: isDown(n) ? 'vod' : 'live',
      })),
      { hosts: (id) => (numberOf(id) < 8 ? 'a.example.com' : 'b.example.com') },
    );
    expect(sentences(views).map((sentence) => /down (.*);/.exec(sentence)?.[1])).toEqual([
      'have titles that begin with 世界杯',
      'are of the type vod',
      'pull from a.example.com',
    ]);
  });

  test.each<[string, Record<string, TaskItem>]>([
    ['four are too few', some(4, 30, (n) => ({ cloudGroup: n < 4 ? 'sports' : 'news' }))],
    ['half of them is not most', some(6, 30, (n) => ({ cloudGroup: n < 3 ? 'sports' : `news${n}` }))],
    ['those that run have it too', some(6, 30, (n) => ({ cloudGroup: n < 30 ? 'sports' : 'news' }))],
    ['all are down: nothing tells them apart', some(6, 0)],
  ])('nothing, if %s', (_what, shown) => expect(sentences(toldOf(shown))).toEqual([]));
});

describe('who counts', () => {
  const sportsDown = some(6, 30, (n) => ({ cloudGroup: n < 6 ? 'sports' : 'news' }));
  test('held tasks are left alone on purpose', () => {
    const story = new Story(policiesOf(everything));
    for (const id of ['t000', 't001']) story.tell([holdAdded(hold(id, { kind: 'task', taskId: id }), at(0))]);
    expect(toldOf(sportsDown, { story })).toEqual([]);
  });
  test('observed, unmanaged and ended tasks neither', () => {
    const observing = new Story(policiesOf({ ...everything, mode: 'observe' }));
    expect(toldOf(sportsDown, { story: observing })).toEqual([]);
    expect(toldOf(sportsDown, { story: new Story(policiesOf(plainPolicy)) })).toEqual([]);
    expect(toldOf(some(6, 30, (n) => ({ endsAt: at(n < 6 ? 10 : 10_000) })))).toEqual([]);
  });
});

describe('when it began', () => {
  const start = (views: ReturnType<typeof told>) => views.find(({ trait }) => trait === 'start');
  test('most of them within two minutes', () => {
    const story = new Story(policiesOf(everything));
    const one = (n: number) => Object.values(some(n, 10 - n));
    for (const [seconds, down] of [
      [0, 0],
      [15, 1],
      [600, 2],
      [660, 5],
      [705, 7],
    ] as const)
      story.list(seconds, Object.fromEntries(one(down).map((task) => [task.taskId, task])));
    expect(start(told(story))).toMatchObject({
      down: 6,
      ofDown: 7,
      startedAt: at(600),
      sentence: '6 of 7 down stopped within 2 minutes',
    });
  });
  test('not, if they stopped one after the other', () => {
    const story = new Story(policiesOf(everything));
    for (let n = 0; n <= 6; n++) story.list(n * 150, some(n, 10 - n) as Shown);
    expect(told(story)).toEqual([]);
  });
});
