/** One visit to the page: reads what was asked, lets the right page answer, and says what went wrong as a page too. */
import { html } from 'hono/html';
import { parseAccept } from 'hono/utils/accept';
import { parse } from 'hono/utils/cookie';
import { admitOrigin, authorOf, reaches, signedIn } from '../access.ts';
import type { Ask, Written } from '../between-threads.ts';
import type { Denial } from '../problem.ts';
import { text } from '../route.ts';
import type { PageRoute } from './addresses.ts';
import { framed, languageCookie, type Page, type Visit, type Visiting, withTimes } from './frame.ts';
import { chinese, english } from './texts.ts';

const languages = { en: english, zh: chinese } as const;

export async function answerVisit({ load, method, need }: PageRoute, visiting: Visiting): Promise<Written> {
  // Open to everybody: nobody has looked yet where the form comes from.
  if (method === 'post' && need === 'nothing') admitOrigin(visiting.ask.headers, visiting.externalUrl);
  const visit = visitOf(visiting);
  const answer = await (await load())(visit);
  if ('headers' in answer) return answer;
  return 'to' in answer ? seeOther(visit.base + answer.to, answer.setCookie) : pageResponse(visit, answer);
}

/** For who may not come in: the way to sign in, or what is wrong. */
export async function denyVisit(visiting: Visiting, denial: Denial): Promise<Written> {
  const visit = visitOf(visiting);
  if (denial.status === 401) return seeOther(`${visit.base}/sign-in?to=${encodeURIComponent(visit.here)}`);
  return pageResponse(visit, failedPage(visit, denial));
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
    mayOperate: caller.kind === 'socket' || (known !== undefined && reaches(known.scope, 'operate')),
    hasTokens: tokens().length > 0,
    author: authorOf(caller, undefined),
    now: clock.now(),
  };
}

/** Where somebody is, or was when he sent a form: what a form is sent to cannot be opened. */
function hereOf({ method }: Ask, { pathname, search }: URL): string {
  return method === 'POST' ? (/^\/(?:holds|tasks\/[^/]+\/[^/]+)/.exec(pathname)?.[0] ?? '/') : pathname + search;
}

/** What somebody chose, else the first of the browser's languages that is here. */
function languageOf(chosen: string | undefined, accepted = ''): 'en' | 'zh' {
  if (chosen === 'en' || chosen === 'zh') return chosen;
  const wanted = parseAccept(accepted).map(({ type, q }) => (q > 0 ? type.slice(0, 2).toLowerCase() : ''));
  return wanted.find((tag) => tag in languages) === 'zh' ? 'zh' : 'en';
}

function failedPage({ texts, base, here, ask }: Visit, { code, said, advice, status }: Denial): Page {
  const title = texts.problems[code];
  const back =
    ask.method === 'POST'
      ? html`<a href="${base}${here}">${texts.back}</a>`
      : html`<a href="${base}/">${texts.home}</a>`;
  return {
    title,
    status,
    body: html`<h1 class="bad">✗ ${title}</h1><p class="as-written">${withTimes(texts.say(said))}</p>${advice === undefined ? '' : html`<p>${texts.say(advice)}</p>`}<p>${back}</p>`,
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
