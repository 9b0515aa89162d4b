/**
 * What a user would write instead: the official client, p-throttle and setInterval; nothing remembered. Every so often
 * all pages are read, and what is stopped is restarted. It tells over IPC how long each round took.
 */
import { Service } from '@volcengine/openapi';
import pThrottle from 'p-throttle';
import { benchKey } from './cloud.ts';

const [url = '', everyMs = '15000'] = process.argv.slice(2);
const pageSize = 500;

interface Page {
  readonly List: readonly { readonly TaskId: string; readonly GroupName: string; readonly Status: string }[];
  readonly Pagination: { readonly PageTotal: number };
}

const service = new Service({
  serviceName: 'live',
  region: 'cn-north-1',
  protocol: 'http:',
  host: new URL(url).host,
  defaultVersion: '2023-01-01',
  accessKeyId: benchKey.accessKeyId,
  secretKey: benchKey.secretAccessKey,
});
const throttle = pThrottle({ limit: 10, interval: 1_000 });
const call = throttle((action: string, body: object) => service.createJSONAPI(action)(body));

/** Asked again when it is refused: p-throttle counts what leaves, the cloud what arrives, so some calls are. */
async function page(number: number): Promise<Page> {
  for (let tries = 1; ; tries++) {
    try {
      const { Result } = await call('ListPullToPushTaskV2', { Page: number, Size: pageSize });
      if (Result) return Result as unknown as Page;
    } catch (error) {
      if (tries >= 10) throw error;
    }
  }
}

let busy = false;
async function round(): Promise<void> {
  if (busy) return;
  busy = true;
  const startedAt = performance.now();
  try {
    const first = await page(1);
    const others = Array.from({ length: first.Pagination.PageTotal - 1 }, (_, index) => page(index + 2));
    const tasks = [first, ...(await Promise.all(others))].flatMap(({ List }) => List);
    process.send?.({ polledMs: performance.now() - startedAt });
    const stopped = tasks.filter(({ Status }) => Status === '停用');
    await Promise.all(
      stopped.map(({ TaskId, GroupName }) => call('RestartPullToPushTask', { TaskId, GroupName }).catch(() => {})),
    );
  } catch {
    // The next round tries again.
  } finally {
    busy = false;
  }
}

void round();
setInterval(round, Number(everyMs));
