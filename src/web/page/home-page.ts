/** Is everything up? What is down, since when, why, what happens next; the accounts; the last six hours. */

import { html } from 'hono/html';
import type { AccountSnapshot, AccountView, TaskView } from '../../domain/views/shown.ts';
import { type Trouble, troublesOf } from '../../domain/views/trouble.ts';
import { durationText } from '../../domain/words/duration.ts';
import { type Html, type Page, renewed, tableOf, taskAddress, timeOf, type Visit } from './frame.ts';
import type { Sample } from './past.ts';

/** Of each account's outages so many are looked at, and of those that are down so many shown. */
const looked = 200;
const shown = 50;

export function homePage(visit: Visit, past: readonly Sample[]): Page {
  const { texts, operations } = visit;
  const status = operations.status();
  const snapshots = operations.snapshot(looked);
  const down = downTasks(snapshots);
  const count = Math.max(
    down.length,
    status.groups.reduce((sum, group) => sum + group.down, 0),
  );
  const known = status.accounts.some(({ polledAt }) => polledAt !== null);
  const title = count > 0 ? `${count} ${texts.down}` : known ? texts.allRun : texts.nothingKnown;
  const holds = operations.holds().filter(({ inForce }) => inForce).length;
  const trouble = troublesOf(status).map((one) => troubleItem(visit, one));
  return {
    title,
    live: true,
    charts: true,
    body: html`${renewed(
      visit,
      html`<h1 class="${count > 0 ? 'bad' : known ? 'good' : ''}">${count > 0 ? '✗' : known ? '✓' : '?'} ${title}</h1>
${trouble.length > 0 ? html`<section aria-labelledby="trouble"><h2 id="trouble">${texts.trouble}</h2><ul class="trouble">${trouble.map((one) => html`<li>${one}</li>`)}</ul></section>` : ''}
${status.inCommon.length > 0 ? html`<section><h2>${texts.inCommon}</h2><ul>${status.inCommon.map(({ account, sentence }) => html`<li>${sentence} <small>${account}</small></li>`)}</ul></section>` : ''}
${count > 0 ? html`<section><h2>${texts.tasksDown}</h2>${downTable(visit, down.slice(0, shown))}${moreOf(visit, count)}</section>` : ''}
${holds > 0 ? html`<p><a href="${visit.base}/holds">${texts.holds}: ${holds}</a></p>` : ''}
<section><h2>${texts.accounts}</h2>${accountTable(visit, status.accounts)}</section>`,
    )}
<section><h2>${texts.lastHours}</h2>${chartsOf(visit, past)}</section>
<footer><small>relaykeeper ${status.version}</small></footer>`,
  };
}

function downTasks(snapshots: readonly AccountSnapshot[]): readonly TaskView[] {
  return snapshots
    .flatMap(({ down }) => down)
    .filter(({ downSince }) => downSince !== null)
    .toSorted((a, b) => (a.downSince ?? 0) - (b.downSince ?? 0));
}

const moreOf = ({ texts, base }: Visit, count: number): Html =>
  count > shown ? html`<p><a href="${base}/tasks?state=stopped">${count - shown} ${texts.more}</a></p>` : html``;

export function nextOf({ texts, now }: Visit, { verdict }: TaskView): unknown {
  if (verdict.kind === 'none') return '';
  if (verdict.kind === 'restart') return texts.nextNow;
  if (verdict.until === 'never' || verdict.until === undefined) return texts.never;
  if (verdict.until === 'unknown') return texts.unknownTime;
  return verdict.until <= now
    ? texts.nextNow
    : html`${timeOf(verdict.until)} <small>(${durationText(verdict.until - now)})</small>`;
}

export const reasonOf = ({ texts }: Visit, { verdict }: TaskView): string =>
  verdict.reason === undefined ? '' : (texts.reasons[verdict.reason] ?? verdict.reason);

function downTable(visit: Visit, tasks: readonly TaskView[]): Html {
  const { texts, now } = visit;
  return tableOf(visit, texts.tasksDown, tasks, [
    {
      head: texts.title,
      cell: (task) =>
        html`<a id="t-${task.account}-${task.taskId}" href="${taskAddress(visit, task)}">${task.title}</a>`,
    },
    { head: texts.group, cell: ({ group }) => group ?? texts.unmanaged },
    { head: texts.account, cell: ({ account }) => account },
    {
      head: texts.downSince,
      cell: ({ downSince }) =>
        downSince === null ? '' : html`${durationText(now - downSince)} <small>(${timeOf(downSince)})</small>`,
    },
    { head: texts.why, cell: (task) => reasonOf(visit, task) },
    { head: texts.next, cell: (task) => nextOf(visit, task) },
  ]);
}

function troubleItem({ texts, now }: Visit, { kind, account, since, until, detail }: Trouble): Html {
  const lasted = since === undefined ? '' : html` · ${durationText((until ?? now) - since)}`;
  const begun = since === undefined ? '' : html`, ${texts.since} ${timeOf(since)}`;
  const end = until === undefined ? '' : html`, ${texts.until} ${timeOf(until)}`;
  return html`${account === undefined ? '' : html`<strong>${account}</strong>: `}${texts.troubles[kind]}${lasted}${begun}${end}${detail === undefined ? '' : html`. ${detail}`}`;
}

function accountTable(visit: Visit, accounts: readonly AccountView[]): Html {
  const { texts, now } = visit;
  return tableOf(visit, texts.accounts, accounts, [
    { head: texts.account, cell: ({ account, provider }) => html`${account} <small>${provider}</small>` },
    { head: texts.owner, cell: ({ owned }) => (owned ? texts.thisProcess : texts.otherProcess) },
    {
      head: texts.lastPoll,
      cell: ({ polledAt, pollIntervalMs }) =>
        html`${polledAt === null ? '–' : timeOf(polledAt)}${polledAt === null ? '' : ` (${durationText(now - polledAt)})`} <small>${texts.every} ${pollIntervalMs === null ? '–' : durationText(pollIntervalMs)}</small>`,
    },
    { head: texts.tasks, cell: ({ tasks }) => tasks },
    { head: texts.limit, cell: ({ gate }) => gate.perSecond },
    { head: texts.waiting, cell: ({ gate }) => Object.values(gate.queued).reduce((sum, one) => sum + one, 0) },
    {
      head: texts.circuits,
      cell: ({ circuits }) =>
        circuits.list || circuits.restart
          ? [circuits.list ? texts.listCircuit : '', circuits.restart ? texts.restartCircuit : '']
              .filter(Boolean)
              .join(', ')
          : texts.closed,
    },
  ]);
}

interface Line {
  readonly name: string;
  readonly of: (sample: Sample) => number | null;
}

function chartsOf(visit: Visit, past: readonly Sample[]): Html {
  const { texts } = visit;
  const charts: readonly (readonly [string, readonly Line[]])[] = [
    [texts.chartDown, [{ name: texts.tasksDown, of: ({ down }) => down }]],
    [
      texts.chartRestarts,
      [
        { name: texts.restarts, of: ({ restarts }) => restarts },
        { name: texts.failures, of: ({ failures }) => failures },
      ],
    ],
    [
      texts.chartCalls,
      [
        { name: texts.calls, of: ({ callsPerSecond }) => callsPerSecond },
        { name: texts.limit, of: ({ limitPerSecond }) => limitPerSecond },
      ],
    ],
    [texts.chartPoll, [{ name: texts.seconds, of: ({ pollAgeSeconds }) => pollAgeSeconds }]],
  ];
  return html`<div class="charts">${charts.map(([title, lines]) => chartOf(visit, title, lines, past))}</div>`;
}

/** The numbers stand beside the picture: for who cannot see it, and without scripts. */
function chartOf({ texts }: Visit, title: string, lines: readonly Line[], past: readonly Sample[]): Html {
  const columns = [past.map(({ at }) => Math.round(at / 1_000)), ...lines.map(({ of }) => past.map(of))];
  const numbers = lines.map(({ name, of }) => {
    const values = past.map(of).filter((value) => value !== null);
    return `${name}: ${texts.nowIs} ${round(values.at(-1))}, ${texts.most} ${round(values.length > 0 ? Math.max(...values) : undefined)}`;
  });
  return html`<figure><figcaption>${title}<br><small>${numbers.join(' · ')}</small></figcaption><div class="chart" aria-hidden="true" data-names="${JSON.stringify(lines.map(({ name }) => name))}" data-chart="${JSON.stringify(columns)}"></div></figure>`;
}

const round = (value: number | undefined): string => (value === undefined ? '–' : String(Math.round(value * 10) / 10));
