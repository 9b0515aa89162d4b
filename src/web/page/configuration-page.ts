/** The configuration in force, without secrets, and the last one that was rejected with all its errors. */
import { html } from 'hono/html';
import { type Page, timeOf, type Visit } from './frame.ts';

export function configurationPage({ texts, operations, base }: Visit): Page {
  const { configFile, configHash, configLoadedAt, configChange } = operations.status();
  const rejected = operations.rejected();
  return {
    title: texts.configuration,
    body: html`<h1>${texts.configuration}</h1>
${
  rejected
    ? html`<section class="card"><h2 class="bad">✗ ${texts.rejected}</h2><p>${texts.since} ${timeOf(rejected.since)}</p><ul>${rejected.errors.map((error) => html`<li><code>${error}</code></li>`)}</ul></section>`
    : ''
}
<p>${texts.file} <code>${configFile}</code> <small>${configHash.slice(0, 12)}</small> · ${texts.inForceSince} ${timeOf(configLoadedAt)}${configChange === null ? '' : html` · ${texts.lastChange}: ${configChange}`}</p>
<p><a href="${base}/groups">${texts.policyLink}</a></p>
<h2>${texts.inForce}</h2>
<pre tabindex="0" role="region" aria-label="${texts.inForce}"><code>${JSON.stringify(operations.config(), null, 2)}</code></pre>`,
  };
}
