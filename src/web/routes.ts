/**
 * Every address of the daemon in one table: what it needs, what it takes, what it answers. The app and openapi.json
 * are both made from it. What is asked goes through `Operations`; nothing is decided here.
 */
import { z } from 'zod';
import type { Operations } from '../domain/ports/operations-port.ts';
import { authorOf, type Caller, type Need } from './access.ts';
import type { AnswerName } from './answers.ts';
import { type Joined, streamHeader, streamPath } from './between-threads.ts';
import type { Happenings } from './happenings.ts';
import {
  accountQuery,
  afterOf,
  byQuery,
  checked,
  cursorOf,
  eventsQuery,
  extendBody,
  holdBody,
  holdMs,
  laterOf,
  listQuery,
  previewQuery,
  queryOf,
  releaseBody,
  restartBody,
  seqOf,
  streamQuery,
  targetOf,
  taskId,
  tasksQuery,
} from './inputs.ts';
import type { Past } from './page/past.ts';
import { Denial, problemOf, problemType } from './problem.ts';

export interface Behind {
  readonly operations: Operations;
  readonly renderMetrics: () => Promise<string>;
  /** For links, and the name under which a browser may come where there are no tokens. */
  readonly externalUrl: string | undefined;
  /** What a person types on this machine, for hints. */
  readonly program: string;
  readonly openapi: () => Promise<unknown>;
  readonly happenings: Happenings;
  readonly past: Pick<Past, 'samples'>;
}

export type Reply =
  | { readonly status: number; readonly json: unknown; readonly headers?: Readonly<Record<string, string>> }
  | {
      readonly status: number;
      readonly text: string;
      readonly contentType: string;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** A request as it came: not yet checked. */
export interface Asked {
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** `{}` if there was none. */
  readonly body: unknown;
  /** What a browser says when it comes back to a stream. */
  readonly lastEventId: string | undefined;
}

export interface Route {
  readonly method: 'get' | 'post' | 'delete';
  /** Parameters in braces. */
  readonly path: string;
  readonly need: Need;
  readonly summary: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answer: string;
  /** Its schema, by its name in openapi.json; `[]` behind it: a list. */
  readonly schema?: AnswerName | `${AnswerName}[]`;
  /** Other statuses that this route can give besides those that all share. */
  readonly others?: Readonly<Record<number, string>>;
  readonly run: (behind: Behind, asked: Asked) => Promise<Reply> | Reply;
}

/** Ties the schemas to the types that `run` gets. */
function route<Query extends z.ZodType = z.ZodUnknown, Body extends z.ZodType = z.ZodUnknown>(
  method: Route['method'],
  path: string,
  need: Need,
  spec: Pick<Route, 'summary' | 'answer' | 'schema' | 'others'> & {
    readonly query?: Query;
    readonly body?: Body;
    readonly run: (
      behind: Behind,
      asked: Pick<Asked, 'caller' | 'params' | 'lastEventId'> & {
        readonly query: z.output<Query>;
        readonly body: z.output<Body>;
      },
    ) => Promise<Reply> | Reply;
  },
): Route {
  const query = spec.query ?? (z.strictObject({}) as unknown as Query);
  const body = spec.body ?? (z.unknown() as unknown as Body);
  return {
    ...spec,
    method,
    path,
    need,
    run: (behind, asked) =>
      spec.run(behind, {
        ...asked,
        query: checked(query, asked.query, ['the query', '查询']),
        body: checked(body, asked.body, ['the body', '内容']),
      }),
  };
}

const json = (value: unknown, status = 200): Reply => ({ status, json: value });
const text = (value: string, status = 200, contentType = 'text/plain; charset=utf-8'): Reply => ({
  status,
  text: value,
  contentType,
});
const idOf = (params: Readonly<Record<string, string>>) => checked(taskId, params.id, ['the id', 'ID']);

const paged = 'the header `Link` has the address of the next page, if there is one';

/** One page of a list, and the way to the next (RFC 8288): without a path, so that it holds behind every prefix. */
const page = (
  items: readonly unknown[],
  query: Readonly<Record<string, string | number | undefined>>,
  last: readonly string[] | undefined,
): Reply =>
  last
    ? { ...json(items), headers: { link: `<${queryOf({ ...query, cursor: cursorOf(last) })}>; rel="next"` } }
    : json(items);

/** A list that is there as a whole; one whose last is gone begins again. */
function sliced<T>(
  all: readonly T[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: readonly string[] },
  keyOf: (item: T) => readonly string[],
): Reply {
  const isLast = (item: T) => keyOf(item).join('\n') === cursor?.join('\n');
  const from = all.findIndex(isLast) + 1;
  const items = all.slice(from, from + limit);
  const last = items.at(-1);
  return page(items, { limit }, last && from + limit < all.length ? keyOf(last) : undefined);
}

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
      return { ...json({ ...problem, ...result }, 400), headers: { 'content-type': problemType } };
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
    run: ({ operations }, { query: { cursor, ...query } }) => {
      const { tasks, more } = operations.tasks({ ...query, after: afterOf(cursor) });
      const last = tasks.at(-1);
      return page(tasks, query, more && last ? [last.account, last.taskId] : undefined);
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
    run: async ({ operations }, { query: { cursor, ...query } }) => {
      const { account, group, task, type, before = seqOf(cursor), since, limit } = query;
      const besides = query.besides === 'true' || undefined;
      const changes = query.changes === 'true' || undefined;
      const taskId = task && operations.taskIdOf(task, account);
      const wanted = { account, group, taskId, types: type?.split(','), before, since, changes, besides, limit };
      const events = await operations.events(wanted);
      const last = events.at(-1);
      const { before: _, ...same } = query;
      return page(events, same, last && events.length === limit ? [String(last.seq)] : undefined);
    },
  }),
  route('get', streamPath, 'read', {
    summary: 'What happens, as it happens: server-sent events, to be resumed with Last-Event-ID',
    query: streamQuery,
    answer: 'text/event-stream: `data` is an EventView, `id` its number; an event `gap` stands for what is not sent',
    others: { 503: 'Too many clients are listening already' },
    run: async ({ happenings, operations }, { query: { account, group, task, type }, lastEventId }) => {
      const filter = { account, group, taskId: task && operations.taskIdOf(task, account), types: type?.split(',') };
      const { backlog, upTo } = await happenings.join(filter, seqOf([lastEventId ?? '']));
      const headers = { [streamHeader]: JSON.stringify({ filter, upTo } satisfies Joined) };
      return { ...text(backlog, 200, 'text/event-stream; charset=utf-8'), headers };
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
    run: ({ operations }, { query }) =>
      json(operations.previewHold({ account: query.account, target: targetOf(query) })),
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
    run: async ({ openapi }) => json(await openapi()),
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
          account: body.account,
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
      json(await operations.release(idOf(params), { account: body.account, by: authorOf(caller, body.by) })),
  }),
  route('post', '/api/v1/holds', 'operate', {
    summary: 'Sets a hold: nothing that it covers is restarted until it ends',
    body: holdBody,
    answer: 'The hold',
    schema: 'Hold',
    others: refusable,
    run: async ({ operations }, { body, caller }) => {
      const { account, target, reason, startsAt } = body;
      const author = authorOf(caller, body.author ?? body.by);
      return json(await operations.addHold({ account, target, author, reason, startsAt, forMs: holdMs(body) }), 201);
    },
  }),
  route('post', '/api/v1/holds/{id}/extend', 'operate', {
    summary: 'Lets a hold end later; the id may be a beginning that no other has',
    body: extendBody,
    answer: 'The hold with its new end',
    schema: 'Hold',
    others: { 404: 'No such hold', 409: 'Refused: the error says why' },
    run: async ({ operations }, { params, body, caller }) =>
      json(await operations.extendHold(idOf(params), laterOf(body), authorOf(caller, body.by))),
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
