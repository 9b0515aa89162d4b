/** The configuration in force, without secrets, and the last one that was rejected with all its errors. */
import { html } from 'hono/html';
import { type Page, timeOf, type Visit } from './frame.ts';

export function configurationPage({ texts, operations }: Visit): Page {
  const { configFile, configHash } = operations.status();
  const rejected = operations.rejected();
  return {
    title: texts.configuration,
    body: html`<h1>${texts.configuration}</h1>
${
  rejected
    ? html`<section><h2 class="bad">✗ ${texts.rejected}</h2><p>${texts.since} ${timeOf(rejected.since)}</p><ul>${rejected.errors.map((error) => html`<li><code>${error}</code></li>`)}</ul></section>`
    : ''
}
<h2>${texts.inForce}</h2>
<p>${texts.file} <code>${configFile}</code>, <code>${configHash.slice(0, 12)}</code></p>
<pre tabindex="0" role="region" aria-label="${texts.inForce}"><code>${JSON.stringify(operations.config(), null, 2)}</code></pre>`,
  };
}
