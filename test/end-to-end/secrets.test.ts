/** Secrets planted in titles, stream addresses, keys, tokens and the cookie: on no page, in no answer, in no stream. */
import { expect, it } from 'vitest';
import { plantedSecret } from '../../src/simulator/pretend-task.ts';
import { pageRoutes } from '../../src/web/page/addresses.ts';
import { routes } from '../../src/web/routes.ts';
import { account, env, key, tasks } from './cloud.ts';
import { Stage, until } from './daemon.ts';

const token = 'admin-token-0123456789';
const hookToken = 'hook-token-0123456789';
const tasksIn = tasks('vip', 6);

it('secrets planted anywhere appear nowhere that somebody can read', async () => {
  await using stage = new Stage();
  // The account's own key as a title, as somebody pastes it.
  const cloud = await stage.cloud({
    tasks: [...tasksIn, ...tasks('pasted', 1, { title: key.accessKeyId, stopped: true })],
  });
  const daemon = await stage.start({
    folder: stage.folder(),
    env,
    config: {
      server: { listen: '127.0.0.1:0', socket: 'rk.sock', tokens: [{ name: 'ops', scope: 'admin', token }] },
      accounts: [account(cloud, 'main', { hookToken })],
      groups: [{ name: 'vip' }],
    },
  });
  // The cloud quotes in an error what it should not.
  cloud.fault({
    match: { action: 'restart' },
    effect: {
      kind: 'error',
      code: 'InternalError',
      status: 500,
      message: `${key.secretAccessKey} rtmp://a.example/live?key=${plantedSecret}`,
    },
  });
  for (const { taskId } of tasksIn) cloud.act({ kind: 'stop', taskId });
  await daemon.saying('restart-answered');
  await until('five are down', async () => (await daemon.metric('tasks_down')) >= 5);
  const url = String((await daemon.saying('listening')).url).replace(/\/metrics$/, '');

  // Alerts link to where this answers.
  expect((await daemon.ask('GET', '/metrics')).text).toContain(`relaykeeper_page_info{url="${url}"} 1\n`);

  const form = { 'content-type': 'application/x-www-form-urlencoded', origin: url };
  const signedIn = await fetch(`${url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: form,
    body: `token=${token}&to=/`,
  });
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect(cookie).toMatch(/^relaykeeper=.{43}$/);
  const secrets = [
    plantedSecret,
    key.accessKeyId,
    key.secretAccessKey,
    token,
    hookToken,
    cookie.slice('relaykeeper='.length),
  ];
  const read = async (path: string) => {
    const answer = await fetch(url + path, { headers: { cookie, 'last-event-id': '0', 'accept-language': 'zh' } });
    return { status: answer.status, text: await answer.text() };
  };
  const seen: string[] = [];
  const open = [...pageRoutes, ...routes].filter(
    ({ method, path }) => method === 'get' && !path.includes('assets') && !path.includes('stream'),
  );
  for (const { path } of open) {
    const { status, text } = await read(
      path.replace('{account}', 'main').replace('{id}', 'pasted-0001') +
        (path === '/api/v1/holds/preview' ? '?all=true' : ''),
    );
    expect(status, path).toBe(200);
    for (const secret of secrets) expect(text, `${path} has ${secret}`).not.toContain(secret);
    seen.push(text);
  }
  // They would have been seen: what stands beside them is.
  expect(seen.join('\n')).toContain('pasted-0001');
  expect(seen.join('\n')).toContain('***');
  expect(seen.join('\n')).toContain('InternalError');

  const stop = new AbortController();
  const stream = await fetch(`${url}/api/v1/events/stream`, {
    headers: { cookie, 'last-event-id': '0' },
    signal: stop.signal,
  });
  let reported = '';
  for await (const chunk of stream.body ?? []) {
    reported += Buffer.from(chunk).toString();
    if (reported.includes('restart-answered')) break;
  }
  stop.abort();
  for (const secret of secrets) expect(reported).not.toContain(secret);
  for (const secret of secrets) expect(daemon.tail()).not.toContain(secret);
});
