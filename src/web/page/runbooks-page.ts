/** What to do about each alert: where `runbook_url` points. The text is written from the alert rules. */
import { readFile } from 'node:fs/promises';
import { html, raw } from 'hono/html';
import type { Page, Visit } from './frame.ts';

export async function runbooksPage({ texts, lang }: Visit): Promise<Page> {
  const sections = await readFile(new URL(`runbooks.${lang}.html`, import.meta.url), 'utf8');
  return {
    title: texts.runbooks,
    body: html`<h1>${texts.runbooks}</h1><div class="runbooks">${raw(sections)}</div>`,
  };
}
