/** What a text of the cloud looks like where it may be shown, and that what is matched and sent is the text itself. */
import { describe, expect, test } from 'vitest';
import { shownText } from '../../src/cloud/shown-text.ts';
import { groupOf } from '../../src/domain/words/policy.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { plainPolicy, policiesOf } from '../domain/story.ts';
import { bench, never, pageOf, rawTask, scripted } from './fixtures.ts';

const secrets = ['AKLTownKey', 'own/secret+key==', 'x'];
test.each([
  ['春晚主路 HD-1', '春晚主路 HD-1'],
  ['rtmp://push.example/app/key', 'rtmp://***'],
  ['a https://u:p@h/x?y b', 'a https://*** b'],
  ['SRT srt://h:1?streamid=k', 'SRT srt://***'],
  ['AKLTownKey', '***'],
  ['<own/secret+key==>', '<***>'],
  ['h/app?txSecret=abc&txTime=5', 'h/app?txSecret=***&txTime=5'],
  ['password: abc', 'password: ***'],
  ['x marks the spot', 'x marks the spot'],
  ['12:30 news', '12:30 news'],
  ['a\nb\u2028c\u202ed\u200fe', 'a\\u000ab\\u2028c\\u202ed\\u200fe'],
  ['half \ud83d of one', 'half \\ud83d of one'],
  ['whole 😀', 'whole 😀'],
  ['', ''],
])('%j', (text, shown) => expect(shownText(text, 100, secrets)).toBe(shown));
test('is cut', () => expect(shownText('z'.repeat(300), 20, [])).toBe('z'.repeat(20)));
test('a character is not cut in half', () => expect(shownText(`${'z'.repeat(19)}😀`, 20, [])).toBe('z'.repeat(19)));

describe('a name with a secret in it', () => {
  const name = 'relay rtmp://push.example/app/key';
  const one = rawTask('t1', { Title: 'HOLD rtmp://a/b', GroupName: name, Status: '停用' });
  const seen = async () => {
    const transport = scripted((action, body) =>
      action === 'ListPullToPushTaskV2' ? pageOf([one, rawTask('t2')], body) : { ResponseMetadata: {} },
    );
    const made = bench(transport);
    const sight = await made.cloud.observe(never);
    if (sight.kind !== 'complete') throw new Error('the poll failed');
    const item = sight.items.find(({ taskId }) => taskId === 't1') as TaskItem;
    return { ...made, transport, item };
  };

  test('is shown without it, and sent as it is', async () => {
    const { item, cloud, gate, transport } = await seen();
    expect(item.cloudGroup).toMatch(/^relay rtmp:\/\/\*\*\* #[0-9a-f]{8}$/);
    expect(item.title).toBe('HOLD rtmp://***');
    expect(JSON.stringify(item)).not.toContain('push.example');
    await cloud.look([item.cloudGroup], never);
    expect(transport.calls.at(-1)?.body.GroupNames).toEqual([name]);
    await cloud.restart(item, gate.permit(), () => true);
    expect(transport.calls.at(-1)?.body).toEqual({ TaskId: 't1', GroupName: name });
  });
  test('is matched as it is written', async () => {
    const { item } = await seen();
    const match = { ...plainPolicy.match, cloudGroup: ['relay rtmp://push.example/*'] };
    expect(groupOf(policiesOf({ ...plainPolicy, match }), item)?.name).toBe('vip');
    const exclude = { title: ['*a/b'], taskId: [] };
    expect(groupOf(policiesOf({ ...plainPolicy, match: { ...match, exclude } }), item)).toBeUndefined();
  });
});
