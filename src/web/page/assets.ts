/** Scripts and styles of the page, from the packages as they are installed. Nothing is kept in memory. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Written } from '../between-threads.ts';
import { noSuchAddress } from '../problem.ts';
import type { Visit } from './frame.ts';

const javascript = 'text/javascript; charset=utf-8';
const css = 'text/css; charset=utf-8';
const own = (file: string) => new URL(file, import.meta.url);
const installed = createRequire(import.meta.url).resolve;

const assets: Readonly<Record<string, { readonly type: string; readonly file: () => string | URL }>> = {
  'pico.css': { type: css, file: () => installed('@picocss/pico/css/pico.min.css') },
  'uplot.css': { type: css, file: () => installed('uplot/dist/uPlot.min.css') },
  'look.css': { type: css, file: () => own('look.css') },
  'htmx.js': { type: javascript, file: () => installed('htmx.org/dist/htmx.min.js') },
  'sse.js': { type: javascript, file: () => installed('htmx-ext-sse/dist/sse.min.js') },
  'uplot.js': { type: javascript, file: () => installed('uplot/dist/uPlot.iife.min.js') },
  'live.js': { type: javascript, file: () => own('live.js') },
};

export async function assetOf({ params: { file: name = '' } }: Visit): Promise<Written> {
  const asset = Object.hasOwn(assets, name) ? assets[name] : undefined;
  if (!asset) throw noSuchAddress();
  const headers = {
    'content-type': asset.type,
    // Its address changes with each start.
    'cache-control': 'public, max-age=31536000, immutable',
  };
  return { status: 200, headers, body: new Uint8Array(await readFile(asset.file())) };
}
