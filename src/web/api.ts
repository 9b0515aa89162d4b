/**
 * The HTTP app over the route table: finds the route, admits the caller, bounds and reads the body, answers in JSON
 * and turns every way to fail into a status, an error and a hint.
 *
 * Of Hono it is the router and not the app: that takes the standard's Request and Response, and the first of them makes
 * Node load its fetch, 8 MiB.
 */
import { TrieRouter } from 'hono/router/trie-router';
import { tryDecodeURIComponent } from 'hono/utils/url';
import type { Sentences } from '../domain/words/reason.ts';
import { Refusal } from '../domain/words/refusal.ts';
import { admit } from './access.ts';
import type { AppOptions } from './app-options.ts';
import { type Answer, type Ask, maxBodyBytes, type Written } from './between-threads.ts';
import { type PageRoute, pageRoutes } from './page/addresses.ts';
import { Denial, noSuchAddress, problemOf, problemType } from './problem.ts';
import { json, type Route } from './route.ts';
import { routes } from './routes.ts';

/** Longest address that is looked at, in characters. */
const maxPathLength = 4_096;

interface Found {
  readonly at: Route | PageRoute;
  readonly params: Readonly<Record<string, string>>;
}

export function createApi(options: AppOptions): (ask: Ask) => Promise<Answer> {
  const router = new TrieRouter<Route | PageRoute>();
  for (const route of [...routes, ...pageRoutes])
    router.add(route.method.toUpperCase(), route.path.replace(/\{(\w+)\}/g, ':$1'), route);

  /** What the address has, one for each method. */
  const findAll = (path: string): readonly Found[] =>
    path.length > maxPathLength
      ? []
      : ['GET', 'POST', 'DELETE'].flatMap((method) =>
          router.match(method, path)[0].map(([at, params]) => ({ at, params: decoded(params) })),
        );

  async function answer(ask: Ask, url: URL, found: Found | undefined, others: readonly Found[]): Promise<Written> {
    if (!found) throw unknownAddress(ask.method, others);
    const { at, params } = found;
    // First who, then what: a stranger learns nothing from what is wrong with a request.
    const caller = admit(at.need, ask, options.tokens(), options.externalUrl);
    const query = singleQuery(url);
    if ('run' in at) {
      const body = at.body ? readJson(ask) : {};
      return at.run(options, { caller, params, query, body, lastEventId: ask.headers['last-event-id'] });
    }
    const { answerVisit } = await import('./page/visits.ts');
    return answerVisit(at, { ...options, ask, url, params, caller, query, form: readForm(ask) });
  }

  async function fail(ask: Ask, url: URL, found: Found | undefined, error: unknown): Promise<Written> {
    const denial = denialOf(error);
    const isVisit = found && 'load' in found.at && denial.status !== 500;
    if (!isVisit && !isForPeople(url, ask.headers.accept)) return failedWith(denial);
    try {
      const { denyVisit } = await import('./page/visits.ts');
      return await denyVisit({ ...options, ask, url, ...stranger }, error instanceof Refusal ? error : denial);
    } catch {
      // What made the page fail can keep it from saying so.
      return failedWith(denial);
    }
  }

  return async (ask) => {
    const url = urlOf(ask);
    const all = findAll(url.pathname);
    const found = all.find(({ at }) => at.method === ask.method.toLowerCase());
    const path = (found ?? all[0])?.at.path ?? 'none';
    const written = await answer(ask, url, found, all).catch((error: unknown) => {
      if (denialOf(error).status === 500) {
        const { method } = ask;
        const fields = { method, route: path, error: String(error) };
        options.log.tell('request-failed', fields, `${method} ${path} failed`);
      }
      return fail(ask, url, found, error);
    });
    return { ...written, headers: { ...safe, ...written.headers }, handler: path };
  };
}

const decoded = (params: Readonly<Record<string, string | number>>) =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name, tryDecodeURIComponent(String(value))]));

/** A target that is none, such as that of `OPTIONS *`, becomes an address that nothing answers to. */
const urlOf = ({ target }: Ask): URL =>
  (target.startsWith('/') ? URL.parse(`http://relaykeeper${target}`) : null) ?? new URL('http://relaykeeper/*');

/** Who may not come in asks for nothing. */
const stranger = { caller: { kind: 'anyone' }, params: {}, query: {}, form: {} } as const;

/** A browser opens it, and what is below it is no program's. */
const isForPeople = ({ pathname }: URL, accept = ''): boolean =>
  !/^\/(?:api|hooks|-)\//.test(pathname) && /\btext\/html\b/.test(accept);

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

function unknownAddress(method: string, others: readonly Found[]): Denial {
  if (others.length === 0) return noSuchAddress();
  const possible = others.map(({ at }) => at.method.toUpperCase());
  return new Denial(
    'wrong-method',
    [`${method} is not possible here`, `这里不能用 ${method}`],
    [`Possible: ${possible.join(', ')}.`, `可以用：${possible.join('、')}。`],
  );
}

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
function readJson(ask: Ask): unknown {
  const bytes = bounded(ask);
  if (bytes.length === 0) return {};
  if (!/^application\/json\s*(;|$)/i.test(ask.headers['content-type'] ?? '')) {
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

/** The fields of a form; of anything else none. */
function readForm(ask: Ask): Readonly<Record<string, string>> {
  if (ask.method !== 'POST') return {};
  const sent = new TextDecoder().decode(bounded(ask));
  const isForm = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(ask.headers['content-type'] ?? '');
  return isForm ? Object.fromEntries(new URLSearchParams(sent)) : {};
}

/** The doors read no more than one byte beyond the bound. */
function bounded({ body = new Uint8Array() }: Ask): Uint8Array {
  if (body.length > maxBodyBytes)
    throw new Denial(
      'too-large',
      [`the body is larger than ${maxBodyBytes} bytes`, `内容超过 ${maxBodyBytes} 字节`],
      ['Shorten the reason.', '请缩短原因。'],
    );
  return body;
}

/** Nothing may be cached, framed, sniffed or run; a page allows what is its own. */
const safe = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

function failedWith(denial: Denial): Written {
  const { status, hint } = denial;
  const { headers, ...written } = json(problemOf(denial), status, problemType);
  const more = {
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="relaykeeper"' } : {}),
    ...(status === 405 ? { allow: hint.replace('Possible: ', '').replace('.', '') } : {}),
  };
  return { ...written, headers: { ...headers, ...more } };
}
