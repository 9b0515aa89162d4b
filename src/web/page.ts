/** The page at `/`: where to look. Links only, so that whoever opens the port in a browser finds the way. */

const links = [
  ['metrics', 'metrics, for Prometheus'],
  ['api/v1/status', 'accounts and groups (JSON)'],
  ['api/v1/tasks?state=stopped', 'stopped tasks and why they wait (JSON)'],
  ['api/v1/events', 'what happened (JSON)'],
  ['api/v1/openapi.json', 'the API'],
  ['-/healthy', 'healthy: the loop ticks'],
  ['-/ready', 'ready: configuration and store are up'],
] as const;

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/**
 * `externalUrl`: where the daemon is seen from outside; links are relative without it. `program`: what a person types on
 * the daemon's machine.
 */
export function pageOf(externalUrl: string | undefined, program: string): string {
  const base = externalUrl === undefined ? '' : `${externalUrl.replace(/\/+$/, '')}/`;
  const items = links.map(([path, what]) => `<li><a href="${escapeHtml(base + path)}">${path}</a>: ${what}</li>`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>relaykeeper</title></head>
<body>
<h1>relaykeeper</h1>
<p>Keeps relay tasks alive. On this machine, <code>${escapeHtml(program)} status</code> shows the same for reading.</p>
<ul>
${items.join('\n')}
</ul>
</body>
</html>
`;
}
