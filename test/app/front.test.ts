/** Doors that another program has, as the log tells of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openFront } from '../../src/app/front.ts';
import { systemClock } from '../../src/clock.ts';
import type { Store } from '../../src/store/open.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { WebProblem } from '../../src/web/problem.ts';

test.each([
  ['the API is reached at http://127.0.0.1:9847 alone', true],
  ['nobody can reach the API', false],
])('a new owner without its socket: %s', async (said, portIsFree) => {
  const folder = mkdtempSync(join(tmpdir(), 'rk-front-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'rk.sock');
  writeFileSync(socket, 'not a socket');
  const lines: string[] = [];
  const stop = new AbortController();
  const taken = (path: string | undefined) =>
    path !== undefined || !portIsFree ? new WebProblem('it is taken', { taken: true }) : undefined;
  const front = await openFront({
    open: async (path) => {
      const problem = taken(path);
      if (problem) throw problem;
      return { url: 'http://127.0.0.1:9847', socket: path, close: async () => {} };
    },
    socket,
    store: { shared: undefined, ownership: { remainingMs: () => 0, acquire: async () => ({}) } } as unknown as Store,
    clock: systemClock,
    log: {
      notice: (event: string, _fields: object, text: string) => {
        lines.push(`${event}: ${text}`);
        if (event === 'doors-blocked') stop.abort();
      },
    } as unknown as Log,
    onOpen: () => {},
  });
  await front.takeRest(stop.signal);
  expect(lines.at(-1)).toContain(`doors-blocked: Restarts go on, but ${said}: `);
});
