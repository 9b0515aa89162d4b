/** One visit to the page: reads what was asked, lets the right page answer, and says what went wrong as a page too. */
import { html } from 'hono/html';
import { parseAccept } from 'hono/utils/accept';
import { parse } from 'hono/utils/cookie';
import { Refusal } from '../../domain/words/refusal.ts';
import { admitOrigin, authorOf, type Scope, sessionCookie, signedIn, signIn } from '../access.ts';
import type { Ask, Written } from '../between-threads.ts';
import { type Denial, problems } from '../problem.ts';
import { text } from '../route.ts';
import type { PageName } from './addresses.ts';
import { assetOf } from './assets.ts';
import { answerWords } from './chinese-events.ts';
import { configurationPage } from './configuration-page.ts';
import { eventsPage } from './event-page.ts';
import { framed, type Page, type Visit, type Visiting, withTimes } from './frame.ts';
import { groupsPage } from './group-page.ts';
import { addHold, extendHold, holdsPage, previewPage, removeHold } from './hold-pages.ts';
import { homePage } from './home-page.ts';
import { runbooksPage } from './runbooks-page.ts';
import { taskPage, tasksPage } from './task-pages.ts';
import { chinese, english } from './texts.ts';

const languageCookie = 'relaykeeper-language';
const languages = { en: english, zh: chinese } as const;

/** Where a form leads. */
interface Elsewhere {
  readonly to: string;
  readonly setCookie?: string;
}

export async function answerVisit(name: PageName, visiting: Visiting): Promise<Written> {
  if (name === 'asset') return assetOf(visiting.params.file ?? '');
  const visit = visitOf(visiting);
  const answer = await answers[name](visit);
  return 'to' in answer ? seeOther(visit.base + answer.to, answer.setCookie) : pageResponse(visit, answer);
}

/** For who may not come in: the way to sign in, or what is wrong. */
export async function denyVisit(visiting: Visiting, error: Denial | Refusal): Promise<Written> {
  const visit = visitOf(visiting);
  if (problems[error.code].status === 401)
    return seeOther(`${visit.base}/sign-in?to=${encodeURIComponent(visit.here)}`);
  return pageResponse(visit, failedPage(visit, error));
}

function visitOf(visiting: Visiting): Visit {
  const { caller, url, externalUrl, ask, tokens, clock } = visiting;
  const { cookie: cookies, 'accept-language': accepted } = ask.headers;
  const known = signedIn(cookies, tokens());
  const lang = languageOf(parse(cookies ?? '', languageCookie)[languageCookie], accepted);
  return {
    ...visiting,
    texts: languages[lang],
    lang,
    base: externalUrl === undefined ? '' : new URL(externalUrl).pathname.replace(/\/+$/, ''),
    here: hereOf(ask, url),
    signedInAs: known?.name,
    mayOperate: caller.kind === 'socket' || mayOperate(known?.scope),
    hasTokens: tokens().length > 0,
    author: authorOf(caller, undefined),
    now: clock.now(),
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

type Answering = (visit: Visit) => Page | Elsewhere | Promise<Page | Elsewhere>;

/** Does it, and shows where its effect can be seen. */
const done =
  (act: (visit: Visit) => Promise<unknown>, placeOf = (_visit: Visit) => '/holds') =>
  async (visit: Visit): Promise<Elsewhere> => {
    await act(visit);
    return { to: placeOf(visit) };
  };

const answers: Readonly<Record<Exclude<PageName, 'asset'>, Answering>> = {
  home: homePage,
  tasks: tasksPage,
  task: taskPage,
  groups: groupsPage,
  holds: holdsPage,
  events: eventsPage,
  configuration: configurationPage,
  runbooks: runbooksPage,
  restart: async ({ operations, params, author, form }) => {
    const { account, id = '' } = params;
    const { task, answer } = await operations.restart(id, { account, by: author, force: form.force === 'yes' });
    if (answer.kind === 'refused' || answer.kind === 'throttled' || answer.kind === 'not-sent')
      throw new Refusal('refused', [
        `${task.title}: ${answer.kind}: ${answer.failure.message}`,
        `${task.title}：${answerWords(answer)}`,
      ]);
    return { to: pathOf(params) };
  },
  release: done(
    ({ operations, params, author }) => operations.release(params.id ?? '', { account: params.account, by: author }),
    ({ params }) => pathOf(params),
  ),
  'add-hold': (visit) => (visit.form.confirmed === 'yes' ? done(addHold)(visit) : previewPage(visit)),
  'extend-hold': done(extendHold),
  'remove-hold': done(removeHold),
  'sign-in': (visit) => signInPage(visit, false),
  'signing-in': (visit) => {
    admitOrigin(visit.ask.headers, visit.externalUrl);
    const session = signIn(visit.form.token?.trim() ?? '', visit.tokens());
    if (session === undefined) return signInPage(visit, true);
    return { to: ownPath(visit.form.to), setCookie: cookie(sessionCookie, session, visit, 'HttpOnly') };
  },
  'sign-out': (visit) => {
    admitOrigin(visit.ask.headers, visit.externalUrl);
    return { to: '/', setCookie: cookie(sessionCookie, '', visit, 'HttpOnly; Max-Age=0') };
  },
  language: (visit) => {
    admitOrigin(visit.ask.headers, visit.externalUrl);
    const lang = visit.form.lang === 'zh' ? 'zh' : 'en';
    return { to: ownPath(visit.form.to), setCookie: cookie(languageCookie, lang, visit, 'Max-Age=31536000') };
  },
};

const pathOf = ({ account = '', id = '' }: Visit['params']): string =>
  `/tasks/${encodeURIComponent(account)}/${encodeURIComponent(id)}`;

/** Never to somewhere else: two slashes at the beginning are another machine. */
const ownPath = (to: string | undefined): string =>
  to !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(to) && to.length < 2_000 ? to : '/';

function cookie(name: string, value: string, { base, externalUrl, encrypted }: Visit, more: string): string {
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

/** What to type about a refusal is for the command line, what to GET for programs: here there are buttons. */
function failedPage({ texts, base, here, lang, ask }: Visit, error: Denial | Refusal): Page {
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
  return {
    title,
    status: problems[error.code].status,
    body: html`<h1 class="bad">✗ ${title}</h1><p class="as-written">${withTimes(message)}</p>${hint === undefined || hint.startsWith('GET ') ? '' : html`<p>${hint}</p>`}<p>${back}</p>`,
  };
}

/** Scripts, styles and connections of our own only; nothing inline, nothing that a text could become. */
const safe = {
  // With no-referrer a browser would not say from which page a form comes.
  'referrer-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
} as const;

async function pageResponse(visit: Visit, page: Page): Promise<Written> {
  const { headers, ...written } = text(String(await framed(visit, page)), page.status, 'text/html; charset=utf-8');
  return { ...written, headers: { ...safe, ...headers, vary: 'accept-language, cookie' } };
}

const seeOther = (location: string, setCookie?: string): Written => ({
  status: 303,
  headers: { ...safe, location, ...(setCookie === undefined ? {} : { 'set-cookie': setCookie }) },
  body: new Uint8Array(),
});
