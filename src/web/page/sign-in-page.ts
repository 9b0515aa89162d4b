/** Signing in and out, and the choice of a language: what a browser keeps as cookies. */
import { html } from 'hono/html';
import { sessionCookie, sessionFor } from '../access.ts';
import { type Elsewhere, languageCookie, type Page, type Visit } from './frame.ts';

export const signInPage = (visit: Visit): Page => formOf(visit, false);

export function signIn(visit: Visit): Page | Elsewhere {
  const session = sessionFor(visit.form.token?.trim() ?? '', visit.tokens());
  if (session === undefined) return formOf(visit, true);
  return { to: ownPath(visit.form.to), setCookie: cookie(sessionCookie, session, visit, 'HttpOnly') };
}

export const signOut = (visit: Visit): Elsewhere => ({
  to: '/',
  setCookie: cookie(sessionCookie, '', visit, 'HttpOnly; Max-Age=0'),
});

export function chooseLanguage(visit: Visit): Elsewhere {
  const lang = visit.form.lang === 'zh' ? 'zh' : 'en';
  return { to: ownPath(visit.form.to), setCookie: cookie(languageCookie, lang, visit, 'Max-Age=31536000') };
}

/** Never to somewhere else: two slashes at the beginning are another machine. */
const ownPath = (to: string | undefined): string =>
  to !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(to) && to.length < 2_000 ? to : '/';

function cookie(name: string, value: string, { base, externalUrl, encrypted }: Visit, more: string): string {
  const secure = encrypted || externalUrl?.startsWith('https:') ? '; Secure' : '';
  return `${name}=${value}; Path=${base}/; SameSite=Strict; ${more}${secure}`;
}

function formOf({ texts, base, query, form }: Visit, wrong: boolean): Page {
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
