/**
 * Every panel of the dashboard, drawn from a real Prometheus, on one page: not Grafana's pictures, but its numbers.
 * One page of HTML with SVG in it, and a PNG of it where Chromium is installed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PanelPlan, RowPlan } from '../../src/mixin/dashboard/panel.ts';
import type { Series } from './programs.ts';

export interface Drawn {
  readonly row: RowPlan;
  readonly panel: PanelPlan;
  readonly series: readonly { readonly legend: string; readonly series: Series }[];
}

export interface Mark {
  readonly at: number;
  readonly text: string;
}

const output = join(import.meta.dirname, '../../test-output');
const colours = ['#1f77b4', '#d62728', '#2ca02c', '#ff7f0e', '#9467bd', '#8c564b', '#e377c2', '#17becf', '#7f7f7f'];
const size = { width: 560, height: 190, left: 52, bottom: 18, top: 8 };

/** `start`, `end`: Unix seconds. Gives the files that were written. */
export function drawPage(drawn: readonly Drawn[], marks: readonly Mark[], start: number, end: number): string[] {
  mkdirSync(output, { recursive: true });
  const html = join(output, 'panels.html');
  writeFileSync(html, page(drawn, marks, start, end));
  const png = join(output, 'panels.png');
  const rows = Math.ceil(drawn.length / 3) + 10;
  const shot = spawnSync(
    'chromium',
    ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', `--window-size=1800,${rows * 290}`].concat([
      `--screenshot=${png}`,
      `file://${html}`,
    ]),
    { timeout: 60_000 },
  );
  return shot.status === 0 ? [html, png] : [html];
}

function page(drawn: readonly Drawn[], marks: readonly Mark[], start: number, end: number): string {
  const rows = [...new Set(drawn.map(({ row }) => row))];
  const sections = rows.map(
    (row) =>
      `<h2>${escapeText(row.title)}</h2><div class="row">${drawn
        .filter((one) => one.row === row)
        .map((one) => figure(one, marks, start, end))
        .join('')}</div>`,
  );
  const list = marks.map(({ at, text }) => `<li>${Math.round(at - start)} s: ${escapeText(text)}</li>`).join('');
  return `<!doctype html><meta charset="utf-8"><title>relaykeeper's panels</title><style>
body{font:13px sans-serif;margin:16px;background:#fff} .row{display:flex;flex-wrap:wrap;gap:12px}
figure{margin:0;border:1px solid #ccc;padding:6px;width:${size.width}px} figcaption b{font-size:14px}
.asks{color:#666;font-size:11px;height:28px;overflow:hidden} .legend{font-size:11px;line-height:1.4} .empty{color:#a00}
ol{columns:4;font-size:12px} text{font:10px sans-serif;fill:#444}</style>
<h1>What the panels of the dashboard show of one run, ${new Date(start * 1000).toISOString()}, ${Math.round(end - start)} s</h1>
<ol>${list}</ol>${sections.join('\n')}`;
}

function figure({ panel, series }: Drawn, marks: readonly Mark[], start: number, end: number): string {
  const numbers = series.flatMap((one) => one.series.values.map(([, value]) => Number(value))).filter(Number.isFinite);
  const least = Math.min(0, ...numbers);
  const most = Math.max(...numbers, panel.unit === 'percentunit' ? 1 : 0) || 1;
  const x = (at: number) => size.left + ((at - start) / (end - start)) * (size.width - size.left - 10);
  const y = (value: number) =>
    size.height - size.bottom - ((value - least) / (most - least)) * (size.height - size.bottom - size.top);
  const grid = [least, (least + most) / 2, most].map(
    (value) =>
      `<line x1="${size.left}" x2="${size.width - 10}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="2" y="${y(value) + 3}">${number(value)}</text>`,
  );
  const times = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = start + share * (end - start);
    return `<text x="${x(at) - 10}" y="${size.height - 4}">${Math.round(at - start)} s</text>`;
  });
  const lines = marks.map(
    ({ at }) =>
      `<line x1="${x(at)}" x2="${x(at)}" y1="${size.top}" y2="${size.height - size.bottom}" stroke="#bbb" stroke-dasharray="2 3"/>`,
  );
  const paths = series.map((one, index) => path(one.series, colours[index % colours.length] ?? '#000', x, y));
  const legend = series.map(({ legend: text, series: { values } }, index) => {
    const last = Number(values.at(-1)?.[1]);
    const high = Math.max(...values.map(([, value]) => Number(value)).filter(Number.isFinite));
    return `<span style="color:${colours[index % colours.length]}">■</span> ${escapeText(text)} <i>(last ${number(last)}, most ${number(high)})</i> `;
  });
  return `<figure><figcaption><b>${escapeText(panel.title)}</b> <small>[${panel.unit}]</small><div class="asks">${escapeText(panel.asks)}</div></figcaption>
<svg width="${size.width - 12}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}">${[...grid, ...times, ...lines, ...paths].join('')}</svg>
<div class="legend">${legend.length > 0 ? legend.slice(0, 14).join('') : '<span class="empty">no series</span>'}</div></figure>`;
}

/** A gap in the data is a gap in the line; a moment alone is a dot. */
function path({ values }: Series, colour: string, x: (at: number) => number, y: (value: number) => number): string {
  let text = '';
  let before = Number.NEGATIVE_INFINITY;
  let dots = '';
  const gap = 2 * Math.min(...values.slice(1).map(([at], index) => at - (values[index]?.[0] ?? 0)), 10);
  for (const [at, written] of values) {
    const value = Number(written);
    if (!Number.isFinite(value)) continue;
    if (at - before > gap) dots += `<circle cx="${x(at)}" cy="${y(value)}" r="1.3" fill="${colour}"/>`;
    text += `${at - before > gap ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    before = at;
  }
  return `<path d="${text}" fill="none" stroke="${colour}" stroke-width="1.4"/>${dots}`;
}

const number = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '–');
const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Grafana's way to name a series: `{{label}}`. */
export const legendOf = (format: string, { metric }: Series): string =>
  format.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? '');
