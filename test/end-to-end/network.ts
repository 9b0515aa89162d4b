/** The network as it is, through the process: proxies, addresses that lead nowhere, a cloud that asks for time; schedules that rest long. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { command, type Daemon, plainServer, Stage, until, writeConfig } from './daemon.ts';

const groups = [{ name: 'vip', storm: false }];
const see = (daemon: Daemon) => () => daemon.tail();

/** A proxy that makes tunnels, and what it was asked for, with the words it was let in by. */
async function openProxy(stage: Stage) {
  const asked: { readonly target: string; readonly as: string }[] = [];
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, socket) => {
    const [, words = ''] = /^Basic (.*)$/.exec(request.headers['proxy-authorization'] ?? '') ?? [];
    asked.push({ target: request.url ?? '', as: Buffer.from(words, 'base64').toString() });
    const [host, port] = (request.url ?? '').split(':');
    const way = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      way.pipe(socket).pipe(way);
    });
    way.on('error', () => socket.destroy());
    socket.on('error', () => way.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.onLeave(() => server.closeAllConnections());
  stage.onLeave(() => server.close());
  return { asked, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const hostOf = ({ url }: PretendCloud) => new URL(url).host;

describe.concurrent('the network', () => {
  it('proxies are those of the environment, or of the account, and their tokens are reported nowhere', async () => {
    await using stage = new Stage();
    const proxy = await openProxy(stage);
    const named = ['environment', 'own', 'direct', 'excepted'] as const;
    const clouds = new Map<string, PretendCloud>();
    for (const name of named) clouds.set(name, await stage.cloud({ tasks: tasks(name, 2, { stopped: true }) }));
    const cloudOf = (name: string) => clouds.get(name) ?? expect.unreachable(name);
    const more: Readonly<Record<string, object>> = {
      own: { proxy: `http://own:planted-own%2Ftoken@${proxy.host}` },
      direct: { proxy: 'none' },
    };
    const folder = stage.folder();
    const daemon = await stage.start({
      folder,
      env: {
        ...env,
        HTTP_PROXY: `http://env:planted-env-token@${proxy.host}`,
        NO_PROXY: `localhost, ${hostOf(cloudOf('excepted'))}`,
      },
      config: {
        log: { level: 'debug' },
        server: plainServer,
        accounts: named.map((name) => account(cloudOf(name), name, more[name])),
        groups,
      },
    });
    for (const name of named)
      await until(`${name} is healed`, () => cloudOf(name).count('停用') === 0, see(daemon), 120_000);
    const through = (name: string) => [
      ...new Set(proxy.asked.filter(({ target }) => target === hostOf(cloudOf(name))).map(({ as }) => as)),
    ];
    expect(named.map(through)).toEqual([['env:planted-env-token'], ['own:planted-own/token'], [], []]);
    const said = [daemon.stdout, daemon.stderr, (await command(folder, ['check'], { ...env })).stdout];
    for (const path of ['/metrics', '/api/v1/config', '/api/v1/status', '/api/v1/events', '/'])
      said.push((await daemon.ask('GET', path)).text);
    expect(said.filter((text) => text.includes('planted'))).toEqual([]);
  });

  it('of a name with addresses of which some lead nowhere the one that answers is found', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('far', 2, { stopped: true }) });
    // As an endpoint with AAAA records on a machine without a way there: one is refused at once, one swallows all.
    const lookup = `
      import dns from 'node:dns';
      import { syncBuiltinESMExports } from 'node:module';
      const { lookup } = dns;
      const addresses = [
        { address: '100::1', family: 6 }, { address: '192.0.2.1', family: 4 }, { address: '127.0.0.1', family: 4 },
      ];
      dns.lookup = (name, options, done) =>
        name === 'live.example.com' ? done(null, addresses) : lookup(name, options, done);
      syncBuiltinESMExports();`;
    const { port } = new URL(cloud.url);
    const main = account(cloud, 'main', { endpoint: `http://live.example.com:${port}`, requestTimeout: '9s' });
    const daemon = await stage.start({
      folder: stage.folder(),
      env,
      config: { server: plainServer, accounts: [main], groups },
      nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(lookup)}`],
    });
    await until('all are healed', () => cloud.count('停用') === 0, see(daemon), 120_000);
  });

  it('FlowLimitExceeded and ServiceUnavailableTemp with Retry-After: the next list is not sent before that', async () => {
    await using stage = new Stage();
    const refusals = { FlowLimitExceeded: 429, ServiceUnavailableTemp: 503 };
    const clouds = new Map<string, PretendCloud>();
    for (const code of Object.keys(refusals)) clouds.set(code, await stage.cloud({ tasks: tasks(code, 2) }));
    const daemon = await stage.start({
      folder: stage.folder(),
      env,
      config: {
        server: plainServer,
        accounts: [...clouds].map(([code, cloud]) => account(cloud, code.toLowerCase())),
        groups,
      },
    });
    const waits = async (code: string, status: number, cloud: PretendCloud) => {
      await until('it polls', () => cloud.lists().length > 2, see(daemon));
      const headers = { 'retry-after': '5' };
      cloud.fault({ match: { action: 'list' }, effect: { kind: 'error', code, status, headers }, count: 1 });
      const refusedAt = () => cloud.lists().findIndex(({ outcome }) => outcome === code);
      await until('it is asked to wait', () => refusedAt() >= 0, see(daemon));
      await until('it polls again', () => cloud.lists().length > refusedAt() + 1, see(daemon));
      const [refused, next] = cloud.lists().slice(refusedAt());
      expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(5_000);
      cloud.act({ kind: 'stop', taskId: `${code}-0001` });
      await until('it heals', () => cloud.restarts(`${code}-0001`).length > 0, see(daemon));
    };
    await Promise.all([...clouds].map(([code, cloud]) => waits(code, refusals[code as keyof typeof refusals], cloud)));
  });

  it('a schedule that does not come within a year is refused; one that comes once a year costs a scrape nothing', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('rare', 2, { stopped: true }) });
    const folder = stage.folder();
    const config = (schedule: string) => ({
      server: plainServer,
      accounts: [account(cloud, 'main', { poll: { schedule } })],
      groups,
    });
    const daemon = await stage.start({ folder, env, config: config('0 30 2 8 3 *') });
    await until('the first poll does not wait for it', () => cloud.count('停用') === 0, see(daemon));
    const before = daemon.computedMs();
    for (let scrape = 0; scrape < 5; scrape++) expect((await daemon.ask('GET', '/metrics')).status).toBe(200);
    // A search cost 1.2 s, and a scrape several of them.
    expect(daemon.computedMs() - before).toBeLessThan(3_000);
    writeConfig(folder, config('0 0 0 29 2 *'));
    const { code, stderr } = await command(folder, ['check'], env);
    expect([code, stderr]).toEqual([78, expect.stringMatching(/poll\.schedule: .*year/)]);
  });
});
