/** What to do about each alert: the runbooks of config/prometheus/, where `runbook_url` points. */
import { readFile } from 'node:fs/promises';
import { html } from 'hono/html';
import type { Html, Page, Visit } from './frame.ts';

const runbooks = {
  en: new URL('../../../config/prometheus/runbooks.md', import.meta.url),
  zh: new URL('../../../config/prometheus/runbooks.zh.md', import.meta.url),
};

export async function runbooksPage({ texts, lang }: Visit): Promise<Page> {
  const [, ...sections] = (await readFile(runbooks[lang], 'utf8')).split(/^## /m);
  return {
    title: texts.runbooks,
    body: html`<h1>${texts.runbooks}</h1><div class="runbooks">${sections.map(sectionOf)}</div>`,
  };
}

/** Of Markdown only what the runbooks have: between marks of code is code, and lists stand in prose. */
function sectionOf(section: string): Html {
  const [name = '', ...lines] = section.split('\n');
  const parts = lines.join('\n').split(/^```\w*\n/m);
  return html`<section id="${name.toLowerCase()}"><h2>${name}</h2>${parts.map((part, n) => (n % 2 === 1 ? html`<pre><code>${part.trimEnd()}</code></pre>` : proseOf(part)))}</section>`;
}

const proseOf = (text: string): readonly Html[] =>
  text.split(/((?:^- .*\n)+)/m).flatMap((some) => {
    const lines = some.split('\n').filter((line) => line !== '');
    if (!some.startsWith('- ')) return lines.map((line) => html`<p>${inlineOf(line)}</p>`);
    return [html`<ul>${lines.map((line) => html`<li>${inlineOf(line.slice('- '.length))}</li>`)}</ul>`];
  });

const inlineOf = (text: string): readonly unknown[] =>
  text.split(/(`[^`]*`|\*\*[^*]*\*\*)/).map((part) => {
    if (part.startsWith('`')) return html`<code>${part.slice(1, -1)}</code>`;
    return part.startsWith('**') ? html`<strong>${part.slice(2, -2)}</strong>` : part;
  });
