/**
 * The real Prometheus and Alertmanager around a daemon, with everything faster, and a receiver of what they tell.
 *
 * How time is compressed, honestly: the rules are rendered from the same source at a pace of 20 (each window, `for`
 * and age divided by it), Prometheus scrapes and evaluates every second instead of every 15, the daemon polls every
 * second instead of every 15, and Alertmanager waits for nothing. The expressions are the same but for durations;
 * what the daemon does is real, and its own constants (probes of circuits, blindness) are not compressed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ruleGroups } from '../../src/mixin/alerts/all.ts';
import { paceOf } from '../../src/mixin/alerts/promql.ts';
import { prometheusRules } from '../../src/mixin/alerts/rule-files.ts';
import { type Stage, sleep } from '../end-to-end/daemon.ts';
import { freePort } from '../ports.ts';

export const times = 20;
export const pace = paceOf(times);

const config = join(import.meta.dirname, '../../config');
const read = (path: string) => parse(readFileSync(join(config, path), 'utf8'));

/** One alert as Alertmanager sent it. */
export interface Received {
  readonly status: 'firing' | 'resolved';
  readonly path: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds, and the value as text. */
  readonly values: readonly (readonly [number, string])[];
}

export class Watchers {
  readonly received: Received[] = [];
  #prometheusUrl = '';

  /** Starts both, for a daemon that listens on `target` or will; resolves when they are ready. */
  async start(stage: Stage, target: number): Promise<void> {
    const folder = stage.folder();
    const receiver = await this.#receive(stage);
    const [prometheus, alertmanager] = [await freePort(), await freePort()];
    writeFileSync(join(folder, 'alertmanager.yaml'), stringify(hastyAlertmanager(receiver)));
    writeFileSync(join(folder, 'rules.yaml'), prometheusRules(ruleGroups(pace).map(everySecond), pace));
    writeFileSync(join(folder, 'prometheus.yaml'), stringify(hastyPrometheus(target, alertmanager)));
    launch(stage, folder, 'prometheus-alertmanager', [
      `--config.file=${join(folder, 'alertmanager.yaml')}`,
      `--storage.path=${join(folder, 'am')}`,
      `--web.listen-address=127.0.0.1:${alertmanager}`,
      '--cluster.listen-address=',
    ]);
    launch(stage, folder, 'prometheus', [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${prometheus}`,
    ]);
    this.#prometheusUrl = `http://127.0.0.1:${prometheus}`;
    await ready(`http://127.0.0.1:${alertmanager}/-/ready`);
    await ready(`${this.#prometheusUrl}/-/ready`);
  }

  async #receive(stage: Stage): Promise<string> {
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (piece) => {
        body += piece;
      });
      request.on('end', () => {
        const { alerts } = JSON.parse(body) as { readonly alerts: readonly Omit<Received, 'path'>[] };
        for (const alert of alerts) this.received.push({ ...alert, path: request.url ?? '' });
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    stage.onLeave(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Rejects with what Prometheus has against the query. */
  async ask<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    const answer = await fetch(`${this.#prometheusUrl}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path} ${parameters.query ?? ''}: ${error}`);
    return data;
  }

  async now(query: string): Promise<readonly { readonly metric: Series['metric']; readonly value: number }[]> {
    const { result } = await this.ask<{ result: { metric: Series['metric']; value: [number, string] }[] }>('query', {
      query,
    });
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Times in seconds. */
  async range(query: string, start: number, end: number, step: number): Promise<readonly Series[]> {
    const { result } = await this.ask<{ result: Series[] }>('query_range', {
      query,
      start: String(start),
      end: String(end),
      step: String(step),
    });
    return result;
  }

  /** Names of the alerts that fired at any moment between these, seconds. */
  async firedBetween(start: number, end: number): Promise<readonly string[]> {
    const series = await this.range('ALERTS{alertstate="firing"}', start, end, 1);
    return [...new Set(series.map(({ metric }) => metric.alertname ?? ''))].sort();
  }

  async firingNow(): Promise<readonly string[]> {
    return (await this.now('ALERTS{alertstate="firing"}')).map(({ metric }) => metric.alertname ?? '').sort();
  }
}

const everySecond = <T extends { readonly interval: string }>(group: T) => ({ ...group, interval: '1s' as const });

/** config/alertmanager.example.yaml with another address, and without patience. */
function hastyAlertmanager(receiver: string): unknown {
  const file = read('alertmanager.example.yaml');
  const hasty = { group_wait: '0s', group_interval: '1s', repeat_interval: '1h' };
  Object.assign(file.route, hasty);
  for (const route of file.route.routes) Object.assign(route, 'group_wait' in route ? hasty : {});
  for (const { webhook_configs } of file.receivers)
    for (const webhook of webhook_configs ?? []) webhook.url = receiver + new URL(webhook.url).pathname;
  return file;
}

/** config/prometheus/prometheus.yaml with other ports, and every second. */
function hastyPrometheus(target: number, alertmanager: number): unknown {
  const file = read('prometheus/prometheus.yaml');
  file.global = { scrape_interval: '1s', evaluation_interval: '1s' };
  file.alerting.alertmanagers = [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }];
  file.scrape_configs[0].static_configs = [{ targets: [`127.0.0.1:${target}`] }];
  return file;
}

function launch(stage: Stage, cwd: string, program: string, args: readonly string[]): void {
  const child: ChildProcess = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (piece) => {
    said = (said + piece).slice(-4_000);
  });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  let leaving = false;
  child.on('close', (code) => {
    if (!leaving) console.error(`${program} ended with ${code}: ${said}`);
  });
  stage.onLeave(async () => {
    leaving = true;
    kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  });
}

async function ready(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const ok = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) return;
    await sleep(100);
  }
  throw new Error(`not ready within 30 s: ${url}`);
}
