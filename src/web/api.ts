/**
 * The HTTP app over the route table: finds the route, admits the caller, bounds and reads the body, answers in JSON
 * and turns every way to fail into a status, an error and a hint.
 *
 * Of Hono it is the router and not the app: that takes the standard's Request and Response, and the first of them makes
 * Node load its fetch, 8 MiB.
 */
import { TrieRouter } from 'hono/router/trie-router';
import { tryDecodeURIComponent } from 'hono/utils/url';
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

/** A request, and what the tables have at its address: one for each method. */
interface Asked {
  readonly ask: Ask;
  readonly url: URL;
  readonly all: readonly Found[];
  readonly found: Found | undefined;
}

export function createApi(options: AppOptions): (ask: Ask) => Promise<Answer> {
  const router = new TrieRouter<Route | PageRoute>();
  for (const route of [...routes, ...pageRoutes])
    router.add(route.method.toUpperCase(), route.path.replace(/\{(\w+)\}/g, ':$1'), route);

  const findAll = (path: string): readonly Found[] =>
    path.length > maxPathLength
      ? []
      : ['GET', 'POST', 'DELETE'].flatMap((method) =>
          router.match(method, path)[0].map(([at, params]) => ({ at, params: decoded(params) })),
        );

  async function answer({ ask, url, all, found }: Asked): Promise<Written> {
    if (!found) throw unknownAddress(ask.method, all);
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

  async function fail({ ask, url, all, found }: Asked, denial: Denial): Promise<Written> {
    const isVisit = found && 'load' in found.at && denial.status !== 500;
    if (!isVisit && !isForPeople(url, ask.headers.accept)) return failedWith(denial, all);
    try {
      const { denyVisit } = await import('./page/visits.ts');
      return await denyVisit({ ...options, ask, url, ...stranger }, denial);
    } catch {
      // What made the page fail can keep it from saying so.
      return failedWith(denial, all);
    }
  }

  return async (ask) => {
    const url = urlOf(ask);
    const all = findAll(url.pathname);
    const asked = { ask, url, all, found: all.find(({ at }) => at.method === ask.method.toLowerCase()) };
    const path = (asked.found ?? all[0])?.at.path ?? 'none';
    const written = await answer(asked).catch((error: unknown) => {
      const denial = denialOf(error);
      if (denial.status === 500) {
        const { method } = ask;
        const fields = { method, route: path, error: String(error) };
        options.log.notice('request-failed', fields, `${method} ${path} failed`);
      }
      return fail(asked, denial);
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
  if (error instanceof Refusal) return new Denial(error.code, [error.message, error.chinese], undefined, error.next);
  return new Denial(
    'failed',
    ['relaykeeper failed to answer this', 'relaykeeper 没能答复'],
    ['Its log says why: look for the event request-failed.', '日志中的事件 request-failed 说明了原因。'],
  );
}

const methodsOf = (all: readonly Found[]): string => all.map(({ at }) => at.method.toUpperCase()).join(', ');

function unknownAddress(method: string, all: readonly Found[]): Denial {
  if (all.length === 0) return noSuchAddress();
  const possible = methodsOf(all);
  return new Denial(
    'wrong-method',
    [`${method} is not possible here`, `这里不能用 ${method}`],
    [`Possible: ${possible}.`, `可以用：${possible.replaceAll(', ', '、')}。`],
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

function failedWith(denial: Denial, all: readonly Found[]): Written {
  const { status } = denial;
  const { headers, ...written } = json(problemOf(denial), status, problemType);
  const more = {
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="relaykeeper"' } : {}),
    ...(status === 405 ? { allow: methodsOf(all) } : {}),
  };
  return { ...written, headers: { ...headers, ...more } };
}
