/** What every page has around it: head, navigation, language, who is signed in; and the small pieces that all use. */
import { html } from 'hono/html';
import type { EventsAsked } from '../../domain/ports/operations-port.ts';
import { matchSentences } from '../../domain/views/covered.ts';
import type { EventView, StatusView, TaskView } from '../../domain/views/shown.ts';
import type { Hold } from '../../domain/words/events.ts';
import { Refusal } from '../../domain/words/refusal.ts';
import type { Caller } from '../access.ts';
import type { AppOptions } from '../app-options.ts';
import type { Ask, Written } from '../between-threads.ts';
import type { Texts } from './texts.ts';

export type Html = ReturnType<typeof html>;

/** As it was asked. */
export interface Visiting extends AppOptions {
  readonly ask: Ask;
  readonly url: URL;
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly form: Readonly<Record<string, string>>;
}

export interface Visit extends Visiting {
  readonly texts: Texts;
  readonly lang: 'en' | 'zh';
  /** In front of every address: empty, or the path of `externalUrl`. */
  readonly base: string;
  /** Path and query of this page. */
  readonly here: string;
  readonly signedInAs: string | undefined;
  readonly mayOperate: boolean;
  readonly hasTokens: boolean;
  readonly author: string;
  /** Unix milliseconds. */
  readonly now: number;
}

/** From top to bottom. */
export interface Page {
  readonly title: string;
  readonly body?: Html;
  /** The browser fetches it again when something happens, and now and then. */
  readonly live?: Html;
  readonly below?: Html;
  readonly charts?: boolean;
  readonly status?: number;
}

/** Where a form leads. */
export interface Elsewhere {
  /** Without `base`. */
  readonly to: string;
  readonly setCookie?: string;
}

/** What answers at an address: a page, the way to another, or a file. */
export type Answering = (visit: Visit) => Said | Promise<Said>;
type Said = Page | Elsewhere | Written;

export const languageCookie = 'relaykeeper-language';

const libraryConfig = JSON.stringify({
  includeIndicatorStyles: false,
  allowEval: false,
  allowScriptTags: false,
  selfRequestsOnly: true,
  historyEnabled: false,
  // Milliseconds: without, a daemon that hangs would leave the page as it is, and nobody would see it.
  timeout: 10_000,
});

const menu = [
  ['/', 'home'],
  ['/tasks', 'tasks'],
  ['/groups', 'groups'],
  ['/holds', 'holds'],
  ['/events', 'events'],
  ['/configuration', 'configuration'],
] as const;

export function framed(visit: Visit, { title, body, live, below, charts }: Page): Html {
  const { texts, lang, base, here, startedAt } = visit;
  const asset = (file: string) => `${base}/assets/${file}?${startedAt}`;
  const path = here.replace(/\?.*/, '');
  return html`<!doctype html>
<html lang="${lang === 'zh' ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content="${libraryConfig}">
<title>${title} · relaykeeper</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${asset('pico.css')}">
${charts ? html`<link rel="stylesheet" href="${asset('uplot.css')}">` : ''}
<link rel="stylesheet" href="${asset('look.css')}">
${live ? html`<script src="${asset('htmx.js')}" defer></script><script src="${asset('sse.js')}" defer></script>` : ''}
${charts ? html`<script src="${asset('uplot.js')}" defer></script>` : ''}
<script src="${asset('live.js')}" defer></script>
</head>
<body${live ? html` hx-ext="sse" sse-connect="${base}/api/v1/events/stream"` : ''}>
<a class="skip" href="#content">${texts.skip}</a>
<header class="container">
<a class="brand" href="${base}/">relaykeeper</a>
<nav aria-label="${texts.navigation}">
<ul>${menu.map(
    ([to, name]) =>
      html`<li><a href="${base}${to}"${isAt(path, to) ? html` aria-current="page"` : ''}>${texts[name]}</a></li>`,
  )}</ul>
</nav>
<div class="who">${personOf(visit)}${languageOf(visit)}</div>
</header>
<main class="container" id="content" tabindex="-1">
${live ? html`<p id="stale" class="stale" role="alert" hidden>✗ ${texts.stale} <time></time>. <a href="${base}${here}">${texts.loadAgain}</a></p>` : ''}
${body}${live ? renewed(visit, live) : ''}${below}
</main>
</body>
</html>
`;
}

const isAt = (path: string, to: string): boolean => (to === '/' ? path === '/' : path.startsWith(to));

function personOf({ texts, base, signedInAs, hasTokens }: Visit): Html {
  if (signedInAs !== undefined)
    return html`<form method="post" action="${base}/sign-out"><span>${texts.signedInAs} ${signedInAs}</span> <button class="link">${texts.signOut}</button></form>`;
  return hasTokens ? html`<a href="${base}/sign-in">${texts.signIn}</a>` : html``;
}

function languageOf({ base, lang, here }: Visit): Html {
  const other = lang === 'en' ? (['zh', '中文', 'zh-CN'] as const) : (['en', 'English', 'en'] as const);
  return html`<form method="post" action="${base}/language"><input type="hidden" name="to" value="${here}"><input type="hidden" name="lang" value="${other[0]}"><button class="link" lang="${other[2]}">${other[1]}</button></form>`;
}

const renewed = ({ base, here }: Visit, content: Html): Html =>
  html`<div id="live" hx-get="${base}${here}" hx-select="#live" hx-target="this" hx-swap="outerHTML" hx-trigger="sse:message throttle:2s, sse:message delay:1500ms, every 15s">${content}</div>`;

/** A sentence whose moments the browser shows in its own zone. */
export const withTimes = (sentence: string): readonly unknown[] =>
  sentence
    .split(/(\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/)
    .map((part, n) => (n % 2 === 1 ? timeOf(Date.parse(part)) : part));

export type Asked = Visit['query'];
/** What a form leaves empty was not asked for. */
export const filled = (query: Asked): Asked =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));

/** The browser shows it in its own zone. */
export function timeOf(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

export type Column<T> = readonly [head: string, cell: (item: T) => unknown];

/** With one account its name in every row says nothing. */
export const accountColumn = (
  { texts }: Visit,
  accounts: StatusView['accounts'],
): Column<{ account: string }> | false => accounts.length > 1 && [texts.account, ({ account }) => account];

/** By its id a row of the table keeps the keyboard's focus when it is renewed. */
export const titleColumn = (visit: Visit): Column<TaskView> => [
  visit.texts.title,
  (task) => taskLink(visit, task, `t-${task.account}-${task.taskId}`),
];

/** Rows made in one turn of the thread: 1,000 groups and the policies of 200 would keep restarts waiting for 0.4 s. */
const rowsInTurn = 100;

/** A table that scrolls by itself where it is too wide; `label` names it for who cannot see it. */
export async function tableOf<T>(
  { clock, texts }: Visit,
  label: string,
  items: readonly T[],
  columns: readonly (Column<T> | false)[],
): Promise<Awaited<Html>> {
  if (items.length === 0) return html`<p>${texts.none}</p>`;
  const shown = columns.filter((column) => column !== false);
  const rows: Html[] = [];
  for (const [n, item] of items.entries()) {
    if (n % rowsInTurn === 0) await clock.yield();
    rows.push(html`<tr>${shown.map(([head, cell]) => html`<td data-label="${head}">${cell(item)}</td>`)}</tr>`);
  }
  return html`<div class="overflow-auto" role="region" tabindex="0" aria-label="${label}"><table class="striped"><thead><tr>${shown.map(
    ([head]) => html`<th scope="col">${head}</th>`,
  )}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Undefined: the store fails, and what is in memory is shown without. */
export async function historyOf({ operations }: Visit, query: EventsAsked): Promise<readonly EventView[] | undefined> {
  try {
    return await operations.events(query);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'unavailable') return undefined;
    throw error;
  }
}

export const noHistory = ({ texts }: Visit): Html => html`<p class="bad">✗ ${texts.noHistory}</p>`;

export const taskAddress = ({ account, taskId }: { account: string; taskId: string }): string =>
  `/tasks/${encodeURIComponent(account)}/${encodeURIComponent(taskId)}`;

/** A title of any length and script stays in its place, and changes no sentence around it. `id`: for keyboard focus. */
export const taskLink = (
  visit: Visit,
  task: { readonly account: string; readonly taskId: string; readonly title: string },
  id?: string,
): Html =>
  html`<a class="title" href="${visit.base}${taskAddress(task)}" title="${task.title}"${id === undefined ? '' : html` id="${id}"`}><bdi>${task.title}</bdi></a>`;

export function targetOf(
  visit: Visit,
  { account, target }: Pick<Hold, 'account' | 'target'>,
  title: string | null,
): Html {
  const { texts } = visit;
  switch (target.kind) {
    case 'task':
      return html`${texts.task} ${taskLink(visit, { account, taskId: target.taskId, title: title ?? target.taskId })}`;
    case 'group':
      return html`${texts.group} ${target.group} (${account})`;
    case 'account':
      return html`${texts.account} ${account}`;
    case 'title':
      return html`${texts.titles} <bdi>${target.title}</bdi>`;
    case 'match':
      return html`${texts.say(matchSentences(target.match, account))}`;
    default:
      return target satisfies never;
  }
}

/** One to choose; `names` by value. */
export const choiceOf = (
  visit: Visit,
  label: string,
  name: string,
  names: Readonly<Record<string, string>>,
  { [name]: chosen }: Asked,
): Html =>
  html`<label>${label}<select name="${name}"><option value="">${visit.texts.any}</option>${Object.entries(names).map(
    ([value, text]) => html`<option value="${value}"${value === chosen ? html` selected` : ''}>${text}</option>`,
  )}</select></label>
`;

/** By which account, if there are several, and by which group. */
export function placeFilter(visit: Visit, { accounts, groups }: StatusView, asked: Asked): Html {
  const { texts } = visit;
  const each = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]));
  const account = accounts.map((one) => one.account);
  return html`${account.length > 1 ? choiceOf(visit, texts.account, 'account', each(account), asked) : ''}${choiceOf(visit, texts.group, 'group', each(groups.map(({ group }) => group)), asked)}`;
}

/** Stands in place of the buttons for somebody who may only read. */
export function howToDoMore({ texts, hasTokens, program, base }: Visit): Html {
  if (!hasTokens) return html`<p>${texts.readOnly} ${texts.readOnlyNoTokens} <code>${program} hold --help</code></p>`;
  return html`<p>${texts.readOnly} <a href="${base}/sign-in">${texts.readOnlySignIn}</a></p>`;
}
