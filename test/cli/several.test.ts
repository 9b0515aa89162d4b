import { afterEach, describe, expect, it } from 'vitest';
import type { TaskView } from '../../src/domain/views/shown.ts';
import { taskView } from '../telemetry/samples.ts';
import { type Answer, type Around, type PretendDaemon, pretendDaemon, typed } from './pretend.ts';

const task = (taskId: string, more: Partial<TaskView> = {}): TaskView => ({
  ...taskView(taskId),
  taskId,
  title: `title ${taskId}`,
  account: 'main',
  group: 'vip',
  state: 'stopped',
  givenUp: null,
  ...more,
});
const three = [
  task('aaaaaaaa1'),
  task('aaaaaaaa2', { givenUp: 'quarantined' }),
  task('aaaaaaaa3', { givenUp: 'abandoned' }),
];
const accepted = (one: TaskView): Answer => ({ json: { task: one, answer: { kind: 'accepted' } } });

let daemon: PretendDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});

async function run(line: string, around: Around = {}, over: Readonly<Record<string, Answer>> = {}) {
  const each = three.flatMap((one) => [
    [`GET /api/v1/tasks/${one.taskId}`, { json: one }],
    [`POST /api/v1/tasks/${one.taskId}/restart`, accepted(one)],
    [`POST /api/v1/tasks/${one.taskId}/release`, { json: one }],
  ]);
  daemon = await pretendDaemon({ 'GET /api/v1/tasks': { json: three }, ...Object.fromEntries(each), ...over });
  const ended = await typed([...line.split(' '), '--by', 'ana', '--socket', daemon.socket], around);
  const sent = daemon.asked.filter(({ method }) => method === 'POST');
  return {
    ...ended,
    sent: sent.map(({ path }) => path.replace('/api/v1/tasks/', '')),
    bodies: sent.map(({ body }) => body),
  };
}
const restarts = three.map(({ taskId }) => `${taskId}/restart`);

describe('several tasks', () => {
  it('shows which, asks, and restarts one after the other', async () => {
    const { code, out, err, sent, bodies } = await run('restart --group vip', { answer: true });
    expect([code, sent]).toEqual([0, restarts]);
    expect(bodies[0]).toEqual({ account: 'main', by: 'ana', force: false });
    expect(err).toContain('  aaaaaaaa2  stopped  title aaaaaaaa2\n');
    expect(err).toContain('restart these 3 tasks?\n');
    expect(out).toContain('title aaaaaaaa3 (aaaaaaaa3): accepted by the cloud\n');
    expect(daemon?.asked[0]?.path).toBe('/api/v1/tasks?group=vip&state=stopped');
  });

  it('named ones too; after a no nothing is sent', async () => {
    const { code, err, sent } = await run('restart aaaaaaaa1 aaaaaaaa3', { answer: false });
    expect([code, sent]).toEqual([0, []]);
    expect(err).toContain('restart these 2 tasks?\nnothing was done\n');
  });

  it('in a script nobody can be asked: --yes', async () => {
    const refused = await run('restart --group vip');
    expect([refused.code, refused.sent]).toEqual([2, []]);
    expect(refused.err).toContain('Give --yes to restart them without being asked.');
    await daemon?.close();
    const done = await run('restart --group vip --yes --json');
    expect([done.code, done.sent, JSON.parse(done.out)]).toEqual([0, restarts, expect.any(Array)]);
    expect(done.err).toBe('');
  });

  it('what is refused for one is reported and does not keep the others', async () => {
    const { code, err, sent } = await run(
      'restart --group vip --yes',
      {},
      {
        'POST /api/v1/tasks/aaaaaaaa1/restart': { status: 409, json: { detail: 'it runs already' } },
        'POST /api/v1/tasks/aaaaaaaa2/restart': {
          json: { task: three[1], answer: { kind: 'unanswered', failure: { class: 'timeout', message: 'no answer' } } },
        },
      },
    );
    expect([code, sent]).toEqual([1, restarts]);
    expect(err).toContain('aaaaaaaa1: it runs already\n');
    expect(err).toContain('2 of 3 restarts were not accepted');
  });

  it('release takes those of the group that are given up, and no others', async () => {
    const { code, out, sent } = await run('release --group vip', { answer: true });
    expect([code, sent]).toEqual([0, ['aaaaaaaa2/release', 'aaaaaaaa3/release']]);
    expect(out).toContain('released: title aaaaaaaa2 (aaaaaaaa2).');
  });

  it.each([
    ['release aaaaaaaa1', 'nothing was given up: title aaaaaaaa1 (aaaaaaaa1). '],
    ['release aaaaaaaa2', 'released: title aaaaaaaa2 (aaaaaaaa2). '],
    ['release aaaaaaaa1 aaaaaaaa2', 'nothing was given up: title aaaaaaaa1 (aaaaaaaa1). '],
    ['release aaaaaaaa1 aaaaaaaa2', '\nreleased: title aaaaaaaa2 (aaaaaaaa2). '],
  ])('%s says what was given up before: %s', async (line, says) => {
    const { code, err, out } = await run(`${line} --yes`);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(says);
  });

  it('release of a group in which nothing is given up ends as that of such a task does', async () => {
    const none = { 'GET /api/v1/tasks': { json: three.slice(0, 1) } };
    expect(await run('release --group vip', {}, none)).toMatchObject({
      ...{ code: 0, err: '', sent: [] },
      out: 'nothing was given up: group vip\n',
    });
    await daemon?.close();
    expect(await run('release --group vip --json', {}, none)).toMatchObject({ code: 0, err: '', out: '[]\n' });
  });

  it('restart of a group with nothing to restart says so', async () => {
    const { code, err, sent } = await run('restart --group vip', {}, { 'GET /api/v1/tasks': { json: [] } });
    expect([code, sent]).toEqual([1, []]);
    expect(err).toContain('group vip has no task to restart now');
  });

  it('a group of one is done at once', async () => {
    const { code, out, err, sent } = await run(
      'restart --group vip',
      {},
      { 'GET /api/v1/tasks': { json: three.slice(0, 1) } },
    );
    expect([code, err, sent]).toEqual([0, '', restarts.slice(0, 1)]);
    expect(out).toContain('See whether it comes up');
  });
});
