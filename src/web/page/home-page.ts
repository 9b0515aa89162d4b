/** Is everything up? What is down, why, since when, what happens next; the accounts; the last six hours. */

import { html } from 'hono/html';
import { sharedSentences } from '../../domain/views/in-common.ts';
import type { AccountView, GroupView, StatusView, TaskView } from '../../domain/views/shown.ts';
import { standingOf, sumOf } from '../../domain/views/standing.ts';
import { type Trouble, troublesOf } from '../../domain/views/trouble.ts';
import { durationText } from '../../domain/words/duration.ts';
import { failureName } from '../../domain/words/failure.ts';
import { queryOf } from '../inputs.ts';
import {
  accountColumn,
  type Column,
  type Html,
  type Page,
  tableOf,
  taskLink,
  timeOf,
  titleColumn,
  type Visit,
  withTimes,
} from './frame.ts';
import { chartsOf } from './past-charts.ts';

/** So many that are down are shown. */
const shown = 50;
/** Of those that end soon. */
const endingShown = 10;

/** Beside the sentence on top, with its class. */
const signs = { bad: ['✗', 'bad'], unsure: ['?', ''], good: ['✓', 'good'] } as const;

export function homePage(visit: Visit): Page {
  const { texts, operations } = visit;
  const status = operations.status();
  const down = operations.snapshot(shown).flatMap((one) => one.down);
  down.sort((a, b) => (a.downSince ?? 0) - (b.downSince ?? 0));
  const standing = standingOf(status, down.length);
  const title = texts.say(standing.words);
  const [sign, tone] = signs[standing.tone];
  return {
    title,
    live: html`<h1 class="${tone}">${sign} ${title}</h1>
${tilesOf(visit, status.groups, operations.holds().filter(({ inForce }) => inForce).length)}
${troubleCard(visit, troublesOf(status))}
${status.inCommon.length > 0 ? html`<section class="card"><h2>${texts.inCommon}</h2><ul>${status.inCommon.map((one) => html`<li>${withTimes(texts.say(sharedSentences(one)))}${status.accounts.length > 1 ? html` <small>${one.account}</small>` : ''}</li>`)}</ul></section>` : ''}
${down.length > 0 ? html`<section><h2>${texts.tasksDown}</h2>${downTable(visit, down.slice(0, shown), status)}${moreOf(visit, standing.down)}</section>` : ''}
${status.ending.length > 0 ? endingOf(visit, status) : ''}
<section><h2>${texts.accounts}</h2>${accountTable(visit, status)}</section>`,
    below: html`<section><h2>${texts.lastHours}</h2>${chartsOf(visit, visit.past.samples())}</section>
<footer><small>relaykeeper ${status.version} · ${texts.startedAt} ${timeOf(status.startedAt)}</small></footer>`,
    charts: true,
  };
}

/** How many of each, with the way to them; what is none has no tile. */
function tilesOf({ texts, base }: Visit, groups: readonly GroupView[], holds: number): Html {
  const tiles: readonly (readonly [number, string, Readonly<Record<string, string>>, string])[] = [
    [sumOf(groups, ({ states }) => states.active), texts.running, { state: 'active' }, 'good'],
    [sumOf(groups, ({ down }) => down), texts.down, { state: 'down' }, 'bad'],
    [sumOf(groups, ({ states }) => states.overdue), texts.overdue, { state: 'overdue' }, 'bad'],
    [sumOf(groups, ({ states }) => states.unknown), texts.states.unknown, { state: 'unknown' }, 'bad'],
    [sumOf(groups, ({ quarantined }) => quarantined), texts.quarantined, { reason: 'quarantined' }, 'bad'],
    [sumOf(groups, ({ abandoned }) => abandoned), texts.abandoned, { reason: 'abandoned' }, 'bad'],
    [sumOf(groups, ({ apart }) => apart.held), texts.held, { reason: 'held' }, ''],
    [sumOf(groups, ({ apart }) => apart['outside-hours']), texts.outsideHours, { reason: 'outside-hours' }, ''],
    [sumOf(groups, ({ apart }) => apart.observed), texts.observed, { reason: 'observing' }, ''],
  ];
  return html`<ul class="tiles">${tiles
    .filter(([count]) => count > 0)
    .map(
      ([count, name, filter, tone]) =>
        html`<li><a href="${base}/tasks${queryOf(filter)}"><strong class="${tone}">${count}</strong> ${name}</a></li>`,
    )}${holds > 0 ? html`<li><a href="${base}/holds"><strong>${holds}</strong> ${texts.holds}</a></li>` : ''}</ul>`;
}

const moreOf = ({ texts, base }: Visit, count: number): Html =>
  count > shown ? html`<p><a href="${base}/tasks?state=down">${count - shown} ${texts.more}</a></p>` : html``;

export function nextOf({ texts, now }: Visit, { verdict }: TaskView): unknown {
  if (verdict.kind === 'none') return '';
  if (verdict.kind === 'restart') return texts.nextNow;
  if (verdict.until === 'never' || verdict.until === undefined) return texts.never;
  if (verdict.until === 'unknown') return texts.unknownTime;
  // Nobody can say when what is in the way will be over.
  return verdict.until <= now
    ? texts.nextThen
    : html`${texts.in} ${durationText(Math.max(1_000, verdict.until - now))} <small>${timeOf(verdict.until)}</small>`;
}

export const reasonOf = ({ texts }: Visit, { verdict }: TaskView): string =>
  verdict.reason === undefined ? '' : (texts.reasons[verdict.reason] ?? verdict.reason);

export const downColumn = ({ texts, now }: Visit): Column<TaskView> => [
  texts.downFor,
  ({ downSince }) =>
    downSince === null
      ? ''
      : html`<strong>${durationText(now - downSince)}</strong> <small>${timeOf(downSince)}</small>`,
];

function downTable(visit: Visit, tasks: readonly TaskView[], { accounts }: StatusView): Html {
  const { texts } = visit;
  return tableOf(visit, texts.tasksDown, tasks, [
    titleColumn(visit),
    downColumn(visit),
    [texts.why, (task) => html`${reasonOf(visit, task)}${attemptsOf(visit, task)}`],
    [texts.next, (task) => nextOf(visit, task)],
    [texts.group, ({ group }) => group ?? texts.unmanaged],
    accountColumn(visit, accounts),
  ]);
}

function endingOf(visit: Visit, { ending, accounts }: StatusView): Html {
  const { texts, now } = visit;
  const more = ending.length - endingShown;
  return html`<section><h2>${texts.endSoon}</h2><p>${texts.endSoonHelp}</p>${tableOf(
    visit,
    texts.endSoon,
    ending.slice(0, endingShown),
    [
      [texts.title, (task) => taskLink(visit, task)],
      [
        texts.ends,
        ({ endsAt }) =>
          html`<strong>${texts.in} ${durationText(endsAt - now)}</strong> <small>${timeOf(endsAt)}</small>`,
      ],
      [texts.group, ({ group }) => group],
      accountColumn(visit, accounts),
    ],
  )}${more > 0 ? html`<p>${more} ${texts.more}</p>` : ''}</section>`;
}

const attemptsOf = ({ texts }: Visit, { attempts }: TaskView): unknown =>
  attempts.failedInRow > 0 ? html` <small>${attempts.failedInRow} ${texts.inRow}</small>` : '';

export function troubleCard(visit: Visit, trouble: readonly Trouble[]): Html {
  if (trouble.length === 0) return html``;
  return html`<section class="card" aria-labelledby="trouble"><h2 id="trouble">${visit.texts.trouble}</h2><ul class="trouble">${trouble.map((one) => html`<li>${troubleItem(visit, one)}</li>`)}</ul></section>`;
}

function troubleItem({ texts, now }: Visit, trouble: Trouble): Html {
  const { kind, account, since, until, detail } = trouble;
  const lasted = since === undefined ? '' : html` · ${durationText((until ?? now) - since)}`;
  const begun = since === undefined ? '' : html`, ${texts.since} ${timeOf(since)}`;
  const end = until === undefined ? '' : html`, ${texts.until} ${timeOf(until)}`;
  return html`${account === undefined ? '' : html`<strong>${account}</strong>: `}${texts.troubles[kind]}${lasted}${begun}${end}${detail === undefined ? '' : html`. ${texts.say(detail)}`}`;
}

function ownerOf({ texts }: Visit, { owned, unread, owner }: AccountView, storeUp: boolean): string {
  if (owned || unread) return texts.thisProcess;
  return owner ?? (storeUp ? texts.otherProcess : texts.unknownTime);
}

function accountTable(visit: Visit, { accounts, store: { up: storeUp } }: StatusView): Html {
  const { texts, now } = visit;
  return tableOf(visit, texts.accounts, accounts, [
    [texts.account, ({ account, provider }) => html`${account} <small>${provider}</small>`],
    [texts.owner, (account) => ownerOf(visit, account, storeUp)],
    [
      texts.lastPoll,
      ({ polledAt, pollIntervalMs }) =>
        html`${polledAt === null ? '–' : html`${durationText(now - polledAt)} ${texts.ago}`} <small>${texts.every} ${pollIntervalMs === null ? '–' : durationText(pollIntervalMs)}</small>`,
    ],
    [
      texts.tasks,
      ({ tasks, unmanaged }) =>
        html`${tasks}${unmanaged > 0 ? html` <small>(${unmanaged} ${texts.unmanaged})</small>` : ''}`,
    ],
    [
      texts.limit,
      ({ gate }) =>
        html`${gate.perSecond} <small>${texts.restarts} ${gate.restartPerSecond}, ${texts.lists} ${gate.listPerSecond}</small>`,
    ],
    [texts.waiting, ({ gate }) => Object.values(gate.queued).reduce((all, one) => all + one, 0)],
    [texts.circuits, ({ circuits }) => circuitsOf(visit, circuits)],
  ]);
}

function circuitsOf({ texts }: Visit, circuits: AccountView['circuits']): Html {
  const open = (['list', 'restart'] as const).flatMap((name) => {
    const one = circuits[name];
    return one ? [html`<div>${texts[`${name}Circuit`]} <small>${failureName(one)}</small></div>`] : [];
  });
  return open.length > 0 ? html`<span class="bad">✗ </span>${open}` : html`<span class="good">✓ ${texts.closed}</span>`;
}
