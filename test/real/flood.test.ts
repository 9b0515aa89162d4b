/** Web work and healing: under a flood at the doors a stopped task comes back as fast as without it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PretendCloud } from '../end-to-end/cloud.ts';
import { type Daemon, Stage, until } from '../end-to-end/daemon.ts';
import { attack, hostile, measure, median, startDaemon } from '../end-to-end/flood.ts';

interface Page {
  readonly tasks: readonly { readonly taskId: string }[];
  readonly next: string | undefined;
}

describe('under a flood at the doors', () => {
  const stage = new Stage();
  let cloud: PretendCloud;
  let daemon: Daemon;
  beforeAll(async () => {
    ({ cloud, daemon } = await startDaemon(stage, 3_000));
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const ids = Array.from({ length: 7 }, (_, n) => `vip-${String(n + 1).padStart(4, '0')}`);
  const served = async () => daemon.metric('http_requests_total', { code: '200' });
  const strangersAreServed = async () => {
    const before = await served();
    await until('strangers are served', async () => (await served()) > before + 100);
  };

  it('500 hostile connections and 20 clients in a loop cost a restart 200 ms at most, memory 50 MB, health a second', async () => {
    const quiet = await measure(stage, cloud, daemon, ids.slice(0, 3));
    const end = attack(stage, daemon, hostile);
    await strangersAreServed();
    const flooded = await measure(stage, cloud, daemon, ids.slice(3, 6));

    const [before, under] = [median(quiet.healedMs), median(flooded.healedMs)];
    expect(under - before, `${quiet.healedMs} without, ${flooded.healedMs} with the flood`).toBeLessThan(
      Math.max(200, before / 10),
    );
    expect(flooded.memoryMiB - quiet.memoryMiB).toBeLessThan(50);
    expect(flooded.threeLateMs).toBeLessThan(1_000);

    // The operator on the machine gets all pages of the list while strangers have the other door.
    const seen: string[] = [];
    for (let path: string | undefined = '/api/v1/tasks'; path; ) {
      const page: Page = await pageOf(daemon.folder, path);
      expect(page.tasks.length).toBeLessThanOrEqual(500);
      seen.push(...page.tasks.map(({ taskId }) => taskId));
      path = page.next;
    }
    expect(seen).toEqual([...cloud.world.tasks.keys()].toSorted());
    end();
  });

  it('clients that read a byte a second, finish no handshake, send a million characters or never pause cost no more', async () => {
    const end = attack(stage, daemon, {
      'byte-a-second': 50,
      'long-header': 20,
      'no-handshake': 50,
      churn: 20,
      'loop-unlike': 20,
      'loop-socket': 5,
      reload: 2,
    });
    await strangersAreServed();
    const { healedMs, threeLateMs } = await measure(stage, cloud, daemon, ids.slice(6));
    expect(Math.max(...healedMs)).toBeLessThan(4_000);
    expect(threeLateMs).toBeLessThan(1_000);
    expect((await daemon.ask('GET', '/api/v1/status')).status).toBe(200);
    end();
    expect((await daemon.askListen('GET', '/-/healthy')).status).toBe(200);
  });
});

async function pageOf(folder: string, path: string): Promise<Page> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: `${folder}/rk.sock`, path, agent: false }, (response) => {
      let text = '';
      response.on('data', (piece) => {
        text += piece;
      });
      response.on('end', () => {
        const query = /^<([^>]*)>; rel="next"$/.exec(String(response.headers.link))?.[1];
        resolve({ tasks: JSON.parse(text), next: query && `/api/v1/tasks${query}` });
      });
    });
    call.on('error', reject).end();
  });
}
