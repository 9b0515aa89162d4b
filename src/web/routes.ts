/**
 * Every address of the API in one table: what it needs, what it takes, what it answers. The app and openapi.json are
 * both made from it. What is asked goes through `Operations`; nothing is decided here.
 */
import { authorOf } from './access.ts';
import { streamPath } from './between-threads.ts';
import {
  accountQuery,
  byQuery,
  checked,
  eventsAsked,
  eventsQuery,
  extendBody,
  holdBody,
  listQuery,
  previewQuery,
  releaseBody,
  restartBody,
  seqOf,
  streamQuery,
  taskId,
  tasksQuery,
} from './inputs.ts';
import { Denial, problemOf, problemType } from './problem.ts';
import { json, page, type Route, route, sliced, text } from './route.ts';

const idOf = (params: Readonly<Record<string, string>>) => checked(taskId, params.id, ['the id', 'ID']);

const paged = 'the header `Link` has the address of the next page, if there is one';

const notFound = { 404: 'No such task' } as const;
const refusable = { ...notFound, 409: 'Refused: the error says why' } as const;

const health = (path: string, summary: string, ask: 'healthy' | 'ready', bad: string) =>
  route('get', path, 'nothing', {
    summary,
    answer: 'Yes',
    others: { 503: 'No' },
    run: ({ operations }) => (operations[ask]() ? text(`${ask}\n`) : text(`${bad}\n`, 503)),
  });

const stuck = 'not healthy: the loop does not tick; read the last lines of the log';
const unready = 'not ready: configuration or store is not up; read the last lines of the log';

const pages: readonly Route[] = [
  route('get', '/metrics', 'nothing', {
    summary: 'Metrics for Prometheus',
    answer: 'Prometheus text format',
    run: async ({ renderMetrics }) => text(await renderMetrics(), 200, 'text/plain; version=0.0.4; charset=utf-8'),
  }),
  health('/-/healthy', 'Does the loop tick?', 'healthy', stuck),
  health('/livez', 'The same as /-/healthy', 'healthy', stuck),
  health('/-/ready', 'Are configuration and store up? Also true on a standby', 'ready', unready),
  health('/readyz', 'The same as /-/ready', 'ready', unready),
];

const changes: readonly Route[] = [
  route('post', '/-/reload', 'admin', {
    summary: 'Reads the configuration again; a bad one changes nothing',
    answer:
      'The new configuration is in force; `needsRestart` names what changes only when the daemon starts again, `warnings` what to look at',
    schema: 'Reloaded',
    others: { 400: 'The configuration has errors: all of them' },
    run: async ({ operations }) => {
      const result = await operations.reload();
      if (result.ok) return json(result);
      const hint = 'The configuration in force is unchanged. Try the file with: relaykeeper check';
      const problem = problemOf({ code: 'bad-configuration', message: result.errors.join('\n'), hint });
      return json({ ...problem, ...result }, 400, problemType);
    },
  }),
  route('post', '/hooks/{account}/{token}', 'nothing', {
    summary: "The vendor's callback: brings the next poll forward, whatever it says",
    answer: 'The next poll comes soon',
    schema: 'Hooked',
    others: { 404: 'No such account, or the token is wrong' },
    run: ({ operations }, { params: { account = '', token = '' } }) => {
      if (operations.hook(account, token)) return json({ ok: true });
      throw new Denial(
        'not-found',
        ['no such hook', '没有这个回调地址'],
        [
          'The address is /hooks/ACCOUNT/TOKEN with the hookToken of that account.',
          '地址是 /hooks/ACCOUNT/TOKEN，TOKEN 是该账号的 hookToken。',
        ],
      );
    },
  }),
];

const reading: readonly Route[] = [
  route('get', '/api/v1/status', 'read', {
    summary: 'Accounts and groups at a glance',
    answer: 'Accounts, groups, store and configuration',
    schema: 'StatusView',
    run: ({ operations }) => json(operations.status()),
  }),
  route('get', '/api/v1/tasks', 'read', {
    summary: 'Tasks by account and id, each with its verdict, page by page',
    query: tasksQuery,
    answer: `Tasks; ${paged}`,
    schema: 'TaskView[]',
    run: ({ operations }, { query }) => {
      const { tasks, more } = operations.tasks(query);
      const { after: _, ...same } = query;
      const last = tasks.at(-1);
      return page(tasks, same, more && last ? [last.account, last.taskId] : undefined);
    },
  }),
  route('get', '/api/v1/tasks/{id}', 'read', {
    summary: 'One task with every rule; the id may be a prefix of at least 6 characters, or a title',
    query: accountQuery,
    answer: 'The task, its rules in order of authority, holds over it, recent events',
    schema: 'ExplainView',
    others: notFound,
    run: async ({ operations }, { params, query }) => json(await operations.explain(idOf(params), query.account)),
  }),
  route('get', '/api/v1/events', 'read', {
    summary: 'What happened, newest first',
    query: eventsQuery,
    answer: `Events; ${paged}`,
    schema: 'EventView[]',
    others: { 404: 'No such account, group or task', 409: 'Several tasks are called so: the error lists them' },
    run: async ({ operations }, { query }) => {
      const events = await operations.events(eventsAsked(operations, query));
      const { before: _, ...same } = query;
      const last = events.at(-1);
      return page(events, same, last && events.length === query.limit ? [String(last.seq)] : undefined);
    },
  }),
  route('get', streamPath, 'read', {
    summary: 'What happens, as it happens: server-sent events, to be resumed with Last-Event-ID',
    query: streamQuery,
    answer: 'text/event-stream: `data` is an EventView, `id` its number; an event `gap` stands for what is not sent',
    others: { 503: 'Too many clients are listening already' },
    run: async ({ happenings, operations }, { query, lastEventId }) => {
      const filter = eventsAsked(operations, query);
      const { backlog, upTo } = await happenings.join(filter, seqOf(lastEventId));
      return { ...text(backlog, 200, 'text/event-stream; charset=utf-8'), joined: { filter, upTo } };
    },
  }),
  route('get', '/api/v1/holds', 'read', {
    summary: 'Holds in force or planned, and recurring ones with their next time; each with what it covers',
    query: listQuery,
    answer: `Holds; ${paged}`,
    schema: 'HoldView[]',
    run: ({ operations }, { query }) => sliced(operations.holds(), query, ({ id }) => [id]),
  }),
  route('get', '/api/v1/holds/preview', 'read', {
    summary: 'What a hold on this would cover now',
    query: previewQuery,
    answer: 'How many tasks, and some of them, stopped ones first',
    schema: 'HoldPreview',
    others: notFound,
    run: ({ operations }, { query }) => json(operations.previewHold(query)),
  }),
  route('get', '/api/v1/groups', 'read', {
    summary: 'Groups, one entry for each account that they match',
    query: listQuery,
    answer: `Groups; ${paged}`,
    schema: 'GroupView[]',
    run: ({ operations }, { query }) =>
      sliced(operations.status().groups, query, ({ account, group }) => [account, group]),
  }),
  route('get', '/api/v1/past', 'read', {
    summary: 'The last six hours, a sample a minute: tasks down, restarts, calls, age of polls',
    query: listQuery,
    answer: `Samples, oldest first; ${paged}`,
    schema: 'Sample[]',
    run: ({ past }, { query }) => sliced(past.samples(), query, ({ at }) => [String(at)]),
  }),
  route('get', '/api/v1/config', 'read', {
    summary: 'The configuration in force, without secrets',
    answer: 'The configuration',
    schema: 'Configuration',
    run: ({ operations }) => json(operations.config()),
  }),
  route('get', '/api/v1/config/rejected', 'read', {
    summary: 'The newest rejected configuration, with its errors; null if none was rejected since the one in force',
    answer: 'When, and all errors',
    schema: 'RejectedConfiguration',
    run: ({ operations }) => json(operations.rejected() ?? null),
  }),
  route('get', '/api/v1/openapi.json', 'read', {
    summary: 'This description',
    answer: 'OpenAPI 3.1',
    // Nobody pays for the schemas of answers until somebody asks for them.
    run: async ({ version, externalUrl }) =>
      json((await import('./openapi.ts')).describeApi(routes, version, externalUrl)),
  }),
];

const operating: readonly Route[] = [
  route('post', '/api/v1/tasks/{id}/restart', 'operate', {
    summary: 'Restarts a stopped task now, past backoff, quarantine and storm',
    body: restartBody,
    answer: 'The task, and what the cloud answered: look at answer.kind',
    schema: 'RestartView',
    others: refusable,
    run: async ({ operations }, { params, body, caller }) =>
      json(
        await operations.restart(idOf(params), {
          ...body,
          by: authorOf(caller, body.by),
          force: body.force ?? false,
        }),
      ),
  }),
  route('post', '/api/v1/tasks/{id}/release', 'operate', {
    summary: 'Takes a task out of quarantine or abandonment',
    body: releaseBody,
    answer: 'The task',
    schema: 'TaskView',
    others: refusable,
    run: async ({ operations }, { params, body, caller }) =>
      json(await operations.release(idOf(params), { ...body, by: authorOf(caller, body.by) })),
  }),
  route('post', '/api/v1/holds', 'operate', {
    summary: 'Sets a hold: nothing that it covers is restarted until it ends',
    body: holdBody,
    answer: 'The hold',
    schema: 'Hold',
    status: 201,
    others: refusable,
    run: async ({ operations }, { body, caller }) =>
      json(await operations.addHold({ ...body, author: authorOf(caller, body.author) }), 201),
  }),
  route('post', '/api/v1/holds/{id}/extend', 'operate', {
    summary: 'Lets a hold end later; the id may be a beginning that no other has',
    body: extendBody,
    answer: 'The hold with its new end',
    schema: 'Hold',
    others: { 404: 'No such hold', 409: 'Refused: the error says why' },
    run: async ({ operations }, { params, body, caller }) =>
      json(await operations.extendHold(idOf(params), body.later, authorOf(caller, body.by))),
  }),
  route('delete', '/api/v1/holds/{id}', 'operate', {
    summary: 'Ends a hold now; the id may be a unique beginning of it',
    query: byQuery,
    answer: 'The hold that was',
    schema: 'Hold',
    others: { 404: 'No such hold' },
    run: async ({ operations }, { params, query, caller }) =>
      json(await operations.removeHold(idOf(params), authorOf(caller, query.by))),
  }),
];

export const routes: readonly Route[] = [...pages, ...changes, ...reading, ...operating];
