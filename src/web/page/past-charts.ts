/**
 * The last six hours as pictures, and as numbers beside them: for people who cannot see pictures, and without scripts.
 */
import { html } from 'hono/html';
import type { Sample } from '../answers.ts';
import type { Html, Visit } from './frame.ts';

type Line = readonly [name: string, of: (sample: Sample) => number | null];

export function chartsOf(visit: Visit, past: readonly Sample[]): Html {
  const { texts } = visit;
  const charts: readonly (readonly [title: string, ...Line[]])[] = [
    [texts.chartDown, [texts.tasksDown, ({ down }) => down]],
    [texts.chartRestarts, [texts.restarts, ({ restarts }) => restarts], [texts.failures, ({ failures }) => failures]],
    [
      texts.chartCalls,
      [texts.calls, ({ callsPerSecond }) => callsPerSecond],
      [texts.limitLine, ({ limitPerSecond }) => limitPerSecond],
    ],
    [texts.chartPoll, [texts.seconds, ({ pollAgeSeconds }) => pollAgeSeconds]],
  ];
  return html`<div class="charts">${charts.map(([title, ...lines]) => chartOf(visit, title, lines, past))}</div>`;
}

function chartOf({ texts }: Visit, title: string, lines: readonly Line[], past: readonly Sample[]): Html {
  const columns = [past.map(({ at }) => Math.round(at / 1_000)), ...lines.map(([, of]) => past.map(of))];
  const numbers = lines.map(([name, of], n) => {
    const values = past.map(of).filter((value) => value !== null);
    return html`<span class="line${n}"></span>${name}: ${texts.latest} ${rounded(values.at(-1))}, ${texts.most} ${rounded(values.length > 0 ? Math.max(...values) : undefined)} `;
  });
  return html`<figure class="card"><figcaption><strong>${title}</strong><br><small>${numbers}</small></figcaption>${
    // One moment is no line yet.
    past.length < 2
      ? ''
      : html`<div class="chart" aria-hidden="true" data-names="${JSON.stringify(lines.map(([name]) => name))}" data-chart="${JSON.stringify(columns)}"></div>`
  }</figure>`;
}

const rounded = (value: number | undefined): string =>
  value === undefined ? '–' : String(Math.round(value * 10) / 10);
