/** One visit to the page: reads what was asked, lets the right page answer, and says what went wrong as a page too. */
import { html } from 'hono/html';
import { parseAccept } from 'hono/utils/accept';
import { parse } from 'hono/utils/cookie';
import { Refusal } from '../../domain/words/refusal.ts';
import { admitOrigin, authorOf, type Caller, type Scope, sessionCookie, signedIn, signIn } from '../access.ts';
import type { AppOptions } from '../app-options.ts';
import type { Ask, Written } from '../between-threads.ts';
import { Denial, problems } from '../problem.ts';
import type { PageName } from './addresses.ts';
import { assetOf } from './assets.ts';
import { answerWords } from './chinese-events.ts';
import { configurationPage } from './configuration-page.ts';
import { eventsPage } from './event-page.ts';
import { framed, type Page, type Visit, withTimes } from './frame.ts';
import { groupsPage } from './group-page.ts';
import { addHold, extendHold, holdsPage, previewPage, removeHold } from './hold-pages.ts';
import { homePage } from './home-page.ts';
import { runbooksPage } from './runbooks-page.ts';
import { taskPage, tasksPage } from './task-pages.ts';
import { chinese, english } from './texts.ts';

interface Visiting {
  readonly options: AppOptions;
  readonly ask: Ask;
  readonly url: URL;
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string;
}

const languageCookie = 'relaykeeper-language';
const languages = { en: english, zh: chinese } as const;

/** Scripts, styles and connections of our own only; nothing inline, nothing that a text could become. */
const safe = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // With no-referrer a browser would not say from which page a form comes.
  'referrer-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
} as const;

/** Throws only what is no answer to a person: a mistake of ours. */
export async function answerVisit(name: PageName, visiting: Visiting): Promise<Written> {
  if (name === 'asset') return assetOf(visiting.params.file ?? '');
  const visit = visitOf(visiting);
  try {
    return await answers[name](visit, visiting);
  } catch (error) {
    if (!(error instanceof Denial || error instanceof Refusal)) throw error;
    return failedPage(visit, error, visiting);
  }
}

/** For who may not come in: the way to sign in, or what is wrong. */
export async function denyVisit(visiting: Visiting, denial: Denial): Promise<Written> {
  const visit = visitOf(visiting);
  if (denial.status !== 401) return failedPage(visit, denial, visiting);
  return seeOther(`${visit.base}/sign-in?to=${encodeURIComponent(visit.here)}`);
}

function visitOf({ options, ask, url, caller, params, query, body }: Visiting): Visit {
  const { operations, externalUrl, program } = options;
  const { headers } = ask;
  const { cookie: cookies } = headers;
  const tokens = options.tokens();
  const known = signedIn(cookies, tokens);
  const lang = languageOf(parse(cookies ?? '', languageCookie)[languageCookie], headers['accept-language']);
  return {
    operations,
    texts: languages[lang],
    lang,
    base: externalUrl === undefined ? '' : new URL(externalUrl).pathname.replace(/\/+$/, ''),
    program,
    here: hereOf(ask, url),
    signedInAs: known?.name,
    mayOperate: caller.kind === 'socket' || mayOperate(known?.scope),
    hasTokens: tokens.length > 0,
    author: authorOf(caller, undefined),
    params,
    query,
    form: formOf(ask, body),
    now: options.clock.now(),
    startedAt: options.startedAt,
  };
}

/** Where somebody is, or was when he sent a form: what a form is sent to cannot be opened. */
function hereOf({ method }: Ask, { pathname, search }: URL): string {
  return method === 'POST' ? (/^\/(?:holds|tasks\/[^/]+\/[^/]+)/.exec(pathname)?.[0] ?? '/') : pathname + search;
}

const mayOperate = (scope: Scope | undefined): boolean => scope === 'operate' || scope === 'admin';

/** What somebody chose, else the first of the browser's languages that is here. */
function languageOf(chosen: string | undefined, accepted = ''): 'en' | 'zh' {
  if (chosen === 'en' || chosen === 'zh') return chosen;
  const wanted = parseAccept(accepted).map(({ type, q }) => (q > 0 ? type.slice(0, 2).toLowerCase() : ''));
  return wanted.find((tag) => tag in languages) === 'zh' ? 'zh' : 'en';
}

function formOf({ headers }: Ask, body: string): Readonly<Record<string, string>> {
  const isForm = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers['content-type'] ?? '');
  return isForm ? Object.fromEntries(new URLSearchParams(body)) : {};
}

type Answering = (visit: Visit, visiting: Visiting) => Written | Promise<Written>;

const shown =
  (page: (visit: Visit, visiting: Visiting) => Page | Promise<Page>): Answering =>
  async (visit, visiting) =>
    pageResponse(visit, await page(visit, visiting));

const answers = {
  home: shown((visit, { options }) => homePage(visit, options.past.samples())),
  tasks: shown(tasksPage),
  task: shown(taskPage),
  groups: shown(groupsPage),
  holds: shown(holdsPage),
  events: shown(eventsPage),
  configuration: shown(configurationPage),
  runbooks: shown(runbooksPage),
  restart: async ({ operations, params, author, form, base }) => {
    const { account, id = '' } = params;
    const { task, answer } = await operations.restart(id, { account, by: author, force: form.force === 'yes' });
    if (answer.kind === 'refused' || answer.kind === 'throttled' || answer.kind === 'not-sent')
      throw new Refusal('refused', [
        `${task.title}: ${answer.kind}: ${answer.failure.message}`,
        `${task.title}：${answerWords(answer)}`,
      ]);
    return seeOther(`${base}${pathOf(params)}`);
  },
  release: async ({ operations, params, author, base }) => {
    await operations.release(params.id ?? '', { account: params.account, by: author });
    return seeOther(`${base}${pathOf(params)}`);
  },
  'add-hold': async (visit) => {
    if (visit.form.confirmed !== 'yes') return pageResponse(visit, previewPage(visit));
    await addHold(visit);
    return seeOther(`${visit.base}/holds`);
  },
  'extend-hold': async (visit) => {
    await extendHold(visit);
    return seeOther(`${visit.base}/holds`);
  },
  'remove-hold': async (visit) => {
    await removeHold(visit);
    return seeOther(`${visit.base}/holds`);
  },
  'sign-in': shown((visit) => signInPage(visit, false)),
  'signing-in': (visit, { options, ask }) => {
    admitForm(ask, options.externalUrl);
    const session = signIn(visit.form.token?.trim() ?? '', options.tokens());
    if (session === undefined) return pageResponse(visit, signInPage(visit, true));
    return seeOther(visit.base + ownPath(visit.form.to), cookie(sessionCookie, session, visit, options, 'HttpOnly'));
  },
  'sign-out': (visit, { options, ask }) => {
    admitForm(ask, options.externalUrl);
    return seeOther(`${visit.base}/`, cookie(sessionCookie, '', visit, options, 'HttpOnly; Max-Age=0'));
  },
  language: (visit, { options, ask }) => {
    admitForm(ask, options.externalUrl);
    const lang = visit.form.lang === 'zh' ? 'zh' : 'en';
    return seeOther(
      visit.base + ownPath(visit.form.to),
      cookie(languageCookie, lang, visit, options, 'Max-Age=31536000'),
    );
  },
} satisfies Readonly<Record<Exclude<PageName, 'asset'>, Answering>>;

const pathOf = ({ account = '', id = '' }: Visit['params']): string =>
  `/tasks/${encodeURIComponent(account)}/${encodeURIComponent(id)}`;

/** Never to somewhere else: two slashes at the beginning are another machine. */
const ownPath = (to: string | undefined): string =>
  to !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(to) && to.length < 2_000 ? to : '/';

const admitForm = ({ headers: { origin, host } }: Ask, externalUrl: string | undefined): void =>
  admitOrigin(origin, host, externalUrl);

function cookie(
  name: string,
  value: string,
  { base }: Visit,
  { externalUrl, encrypted }: AppOptions,
  more: string,
): string {
  const secure = encrypted || externalUrl?.startsWith('https:') ? '; Secure' : '';
  return `${name}=${value}; Path=${base}/; SameSite=Strict; ${more}${secure}`;
}

function signInPage(visit: Visit, wrong: boolean): Page {
  const { texts, base, query, form } = visit;
  return {
    title: texts.signIn,
    status: wrong ? 401 : 200,
    body: html`<h1>${texts.signIn}</h1>
<p>${texts.signInHelp}</p>
${wrong ? html`<p role="alert" class="bad">✗ ${texts.wrongToken}</p>` : ''}
<form method="post" action="${base}/sign-in">
<input type="hidden" name="to" value="${form.to ?? query.to ?? '/'}">
<label>${texts.token}<input type="password" name="token" required autocomplete="current-password"></label>
<button>${texts.signIn}</button>
</form>`,
  };
}

async function pageResponse(visit: Visit, page: Page): Promise<Written> {
  const headers = { ...safe, 'content-type': 'text/html; charset=utf-8', vary: 'accept-language, cookie' };
  return { status: page.status ?? 200, headers, body: String(await framed(visit, page)) };
}

/** What to type about a refusal is for the command line, what to GET for programs: here there are buttons. */
function failedPage(visit: Visit, error: Denial | Refusal, { ask }: Visiting): Promise<Written> {
  const { texts, base, here, lang } = visit;
  const title = texts.problems[error.code];
  const [message, hint] =
    error instanceof Refusal
      ? [lang === 'zh' ? error.chinese : error.message]
      : lang === 'zh'
        ? error.chinese
        : [error.message, error.hint];
  const back =
    ask.method === 'POST'
      ? html`<a href="${base}${here}">${texts.back}</a>`
      : html`<a href="${base}/">${texts.home}</a>`;
  return pageResponse(visit, {
    title,
    status: problems[error.code].status,
    body: html`<h1 class="bad">✗ ${title}</h1><p class="as-written">${withTimes(message)}</p>${hint === undefined || hint.startsWith('GET ') ? '' : html`<p>${hint}</p>`}<p>${back}</p>`,
  });
}

const seeOther = (location: string, setCookie?: string): Written => ({
  status: 303,
  headers: { ...safe, location, ...(setCookie === undefined ? {} : { 'set-cookie': setCookie }) },
  body: '',
});
