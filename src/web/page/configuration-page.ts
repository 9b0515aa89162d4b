/** The configuration in force without secrets, what was changed in it, and the last one rejected, with all its errors. */

import { html } from 'hono/html';
import { queryOf } from '../inputs.ts';
import { storyOf } from './event-page.ts';
import { historyOf, type Page, timeOf, type Visit } from './frame.ts';

const changesShown = 10;

export async function configurationPage(visit: Visit): Promise<Page> {
  const { texts, operations, base } = visit;
  const { configFile, configHash, configLoadedAt } = operations.status();
  const rejected = operations.rejected();
  const changes = await historyOf(visit, { types: ['config-changed'], limit: changesShown });
  return {
    title: texts.configuration,
    body: html`<h1>${texts.configuration}</h1>
${
  rejected
    ? html`<section class="card"><h2 class="bad">✗ ${texts.rejected}</h2><p>${texts.since} ${timeOf(rejected.since)}</p><ul>${rejected.errors.map((error) => html`<li><code class="as-written">${error}</code></li>`)}</ul></section>`
    : ''
}
<p>${texts.file} <code>${configFile}</code> <small>${configHash.slice(0, 12)}</small> · ${texts.inForceSince} ${timeOf(configLoadedAt)}</p>
<p><a href="${base}/groups">${texts.policyLink}</a></p>
<h2>${texts.changes}</h2>
${storyOf(visit, changes)}
<p><a href="${base}/events${queryOf({ changes: 'true' })}">${texts.moreChanges}</a></p>
<h2>${texts.inForce}</h2>
<pre tabindex="0" role="region" aria-label="${texts.inForce}"><code>${JSON.stringify(operations.config(), null, 2)}</code></pre>`,
  };
}
