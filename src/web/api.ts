/**
 * The HTTP app over the route table: finds the route, admits the caller, bounds and reads the body, answers in JSON
 * and turns every way to fail into a status, an error and a hint.
 */
import { Hono, type HonoRequest } from 'hono';
import type { Sentences } from '../domain/words/reason.ts';
import { Refusal } from '../domain/words/refusal.ts';
import { admit, admitHost, type Credentials, type Door } from './access.ts';
import type { AppOptions } from './app-options.ts';
import { maxBodyBytes } from './between-threads.ts';
import { pageRoutes } from './page/addresses.ts';
import { Denial, noSuchAddress, problemOf, problemType } from './problem.ts';
import { type Behind, type Reply, type Route, routes } from './routes.ts';

/** Longest address that is looked at, in characters. */
const maxPathLength = 4_096;

/** `handler`: the route's path as it stands in the table; `none` if no route has the address. */
type Api = (request: Request, door: Door) => Promise<{ readonly handler: string; readonly response: Response }>;

export function createApi(options: AppOptions): Api {
  const behind: Behind = {
    ...options,
    // Nobody pays for the schemas of answers until somebody asks for them.
    openapi: async () => (await import('./openapi.ts')).describeApi(routes, options.version, options.externalUrl),
  };
  const app = new Hono<{ Bindings: { door: Door } }>();
  for (const route of routes) {
    app.on(route.method.toUpperCase(), route.path.replace(/\{(\w+)\}/g, ':$1'), async (context) => {
      const { req } = context;
      // First who, then what: a stranger learns nothing from what is wrong with a request.
      const { door } = context.env;
      admitHost(route.need, door, req.header('host'), options.tokens(), options.externalUrl);
      const caller = admit(route.need, door, credentialsOf(req), options.tokens(), options.externalUrl);
      const body = route.body ? await readJson(req.raw) : {};
      const lastEventId = req.header('last-event-id');
      const asked = { caller, params: req.param(), query: singleQuery(new URL(req.url)), body, lastEventId };
      return responseOf(await route.run(behind, asked));
    });
  }
  for (const { method, path, need, name } of pageRoutes) {
    app.on(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1'), async ({ req, env: { door } }) => {
      const { answerVisit, denyVisit } = await import('./page/visits.ts');
      const visiting = { options, params: req.param(), request: req.raw };
      const stranger = { ...visiting, caller: { kind: 'anyone' }, query: {}, body: '' } as const;
      try {
        admitHost(need, door, req.header('host'), options.tokens(), options.externalUrl);
        const caller = admit(need, door, credentialsOf(req), options.tokens(), options.externalUrl);
        const query = singleQuery(new URL(req.url));
        const body = method === 'post' ? new TextDecoder().decode(await readBounded(req.raw)) : '';
        return await answerVisit(name, { ...visiting, caller, query, body });
      } catch (error) {
        if (error instanceof Denial) return denyVisit(stranger, error);
        throw error;
      }
    });
  }
  const failed = async (req: HonoRequest, denial: Denial): Promise<Response> => {
    if (!isForPeople(req)) return failedResponse(denial);
    const stranger = {
      options,
      params: {},
      request: req.raw,
      caller: { kind: 'anyone' },
      query: {},
      body: '',
    } as const;
    try {
      const { denyVisit } = await import('./page/visits.ts');
      return await denyVisit(stranger, denial);
    } catch {
      // What made the page fail can keep it from saying so.
      return failedResponse(denial);
    }
  };
  app.notFound(({ req }) => failed(req, unknownAddress(req.method, req.path)));
  app.onError((error, { req }) => {
    const denial = denialOf(error);
    if (denial.status === 500) {
      const route = routeAt(req.path);
      options.log.tell(
        'request-failed',
        { method: req.method, route, error: String(error) },
        `${req.method} ${route} failed`,
      );
    }
    return failed(req, denial);
  });
  return async (request, door) => ({
    handler: routeAt(new URL(request.url).pathname),
    response: await app.fetch(request, { door }),
  });
}

/** A browser opens it, and what is below it is no program's. */
const isForPeople = (req: HonoRequest): boolean =>
  !/^\/(?:api|hooks|-)\//.test(req.path) && /\btext\/html\b/.test(req.header('accept') ?? '');

/** The route, not the address: a hook's address holds its token. */
const routeAt = (path: string): string =>
  [...routes, ...pageRoutes].find((route) => matches(route, path))?.path ?? 'none';

function denialOf(error: unknown): Denial {
  if (error instanceof Denial) return error;
  if (error instanceof Refusal) {
    const { code, message, chinese, next } = error;
    return new Denial(code, [message, chinese], next === undefined ? hints[code] : [next, next]);
  }
  return new Denial(
    'failed',
    ['relaykeeper failed to answer this', 'relaykeeper 没能答复'],
    ['Its log says why: look for the event request-failed.', '日志中的事件 request-failed 说明了原因。'],
  );
}

const hints: Readonly<Record<Refusal['code'], Sentences>> = {
  'not-found': ['See what there is: relaykeeper tasks, or GET /api/v1/tasks.', '查看有哪些：relaykeeper tasks。'],
  refused: ['See every rule for the task: relaykeeper explain TASK.', '查看每条规则：relaykeeper explain TASK。'],
  'bad-request': ['GET /api/v1/openapi.json says what is expected.', 'GET /api/v1/openapi.json 说明了格式。'],
  unavailable: [
    'Try again in a few seconds; relaykeeper status shows what is down.',
    '请几秒后再试；relaykeeper status 显示哪里不可用。',
  ],
};

function unknownAddress(method: string, path: string): Denial {
  const others = [...routes, ...pageRoutes]
    .filter((route) => matches(route, path))
    .map((route) => route.method.toUpperCase());
  if (others.length > 0)
    return new Denial(
      'wrong-method',
      [`${method} is not possible here`, `这里不能用 ${method}`],
      [`Possible: ${others.join(', ')}.`, `可以用：${others.join('、')}。`],
    );
  return noSuchAddress();
}

const matches = (route: Pick<Route, 'path'>, path: string) =>
  path.length <= maxPathLength && new RegExp(`^${route.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(path);

/** A name that is given twice is a mistake of the client, not a list. */
function singleQuery({ searchParams }: URL): Readonly<Record<string, string>> {
  const query: Record<string, string> = {};
  for (const [name, value] of searchParams) {
    if (Object.hasOwn(query, name))
      throw new Denial(
        'bad-request',
        [`${name} is given twice in the query`, `地址中 ${name} 出现了两次`],
        ['Give it once.', '请只给一次。'],
      );
    query[name] = value;
  }
  return query;
}

/** The JSON of a bounded body; none at all is `{}`. */
async function readJson(request: Request): Promise<unknown> {
  const bytes = await readBounded(request);
  if (bytes.length === 0) return {};
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Denial(
      'wrong-type',
      ['the body must be JSON', '内容必须是 JSON'],
      ['Send the header "Content-Type: application/json".', '请发送请求头 "Content-Type: application/json"。'],
    );
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Denial(
      'bad-request',
      ['the body is not JSON', '内容不是 JSON'],
      ['Check its quotes and commas.', '请检查引号和逗号。'],
    );
  }
}

/** The doors read no more than one byte beyond the bound. */
async function readBounded(request: Request): Promise<Uint8Array> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > maxBodyBytes)
    throw new Denial(
      'too-large',
      [`the body is larger than ${maxBodyBytes} bytes`, `内容超过 ${maxBodyBytes} 字节`],
      ['Shorten the reason.', '请缩短原因。'],
    );
  return bytes;
}

export const credentialsOf = (req: { header(name: string): string | undefined }): Credentials => ({
  authorization: req.header('authorization'),
  cookie: req.header('cookie'),
  origin: req.header('origin'),
  host: req.header('host'),
});

/** Nothing here may be cached, framed, sniffed or run: there is not one script. */
const safe = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

function responseOf(reply: Reply): Response {
  if ('text' in reply) {
    const headers = { ...safe, 'content-type': reply.contentType, ...reply.headers };
    return new Response(reply.text, { status: reply.status, headers });
  }
  const headers = { ...safe, 'content-type': 'application/json; charset=utf-8', ...reply.headers };
  return new Response(`${JSON.stringify(reply.json)}\n`, { status: reply.status, headers });
}

function failedResponse(denial: Denial): Response {
  const headers = { 'content-type': problemType };
  const response = responseOf({ status: denial.status, json: problemOf(denial), headers });
  if (denial.status === 401) response.headers.set('www-authenticate', 'Bearer realm="relaykeeper"');
  if (denial.status === 405) response.headers.set('allow', denial.hint.replace('Possible: ', '').replace('.', ''));
  return response;
}
