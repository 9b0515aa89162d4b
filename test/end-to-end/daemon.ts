/**
 * The daemon as it is used: a process of its own over real HTTP, its log read line by line, its metrics scraped, its
 * socket asked, its end brought about by signals. Nothing of src/ is called here but the pretend cloud.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type CloudOptions, PretendCloud } from './cloud.ts';

// Tests here mostly wait for processes and for time: many of a file run together. A bench has no such runner.
if (process.env.VITEST) {
  const { vi } = await import('vitest');
  vi.setConfig({ maxConcurrency: 60, testTimeout: 900_000, hookTimeout: 900_000 });
}

const ours = join(import.meta.dirname, '../../src/main.ts');
/** As `src/relaykeeper` has it: what Node compiled once it need not compile at each start. */
const compiled = join(import.meta.dirname, '../../node_modules/.cache/relaykeeper');

/** Whatever happens to the test, no daemon outlives it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A line of the log, in JSON as it is by default. */
export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly account?: string;
  readonly task?: string;
  readonly [field: string]: unknown;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
}

/** One value of the exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const signalNumbers: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** As a shell tells it: the exit code, or 128 and the signal's number. */
export const endOf = ({ code, signal }: Pick<Ended, 'code' | 'signal'>): number =>
  code ?? 128 + (signalNumbers[signal ?? ''] ?? 0);

/** What never comes costs as much; what comes late on a busy machine is no fault. */
const longestWaitMs = 180_000;
const longestStartMs = 240_000;

/** Asks until it is so. The message of its failure tells what was asked and what `see` shows instead. */
export async function until(
  what: string,
  isSo: () => unknown,
  see: () => string = () => '',
  withinMs = longestWaitMs,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    if (await isSo()) return;
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}\n${see()}`);
    await sleep(20);
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a test opened, closed in reverse when its block is left: `await using stage = new Stage()`. */
export class Stage implements AsyncDisposable {
  readonly #closers: (() => unknown)[] = [];

  /** A folder of its own. A long name would not fit a unix socket. */
  folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'rk-'));
    this.#closers.push(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  onLeave(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** Until it listens. */
  start(options: StartOptions): Promise<Daemon> {
    return inTurn(() => this.spawn(options).listening());
  }

  /** Until it ends by itself. */
  run(options: StartOptions): Promise<Ended> {
    return inTurn(() => this.spawn(options).ended);
  }

  /** Without waiting for anything. */
  spawn(options: StartOptions): Daemon {
    const daemon = new Daemon(options);
    this.#closers.push(() => daemon.kill());
    return daemon;
  }

  async cloud(options: CloudOptions = {}): Promise<PretendCloud> {
    const cloud = new PretendCloud(options);
    this.#closers.push(() => cloud.close());
    return cloud.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}

export interface StartOptions {
  /** Its working directory: configuration, store and socket are in it. */
  readonly folder: string;
  /** Written to relaykeeper.yaml; absent: what is there already is read. JSON is YAML. */
  readonly config?: object | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** The program, if it is not this one. */
  readonly main?: string;
  /**
   * A shell's words, in which `run` is the daemon and takes redirections: its output goes somewhere else than here, so
   * it is asked (`answering`, `gone`) rather than read.
   */
  readonly shell?: string;
  /** Its processor time stands in the last line of stderr; signals do not reach it then. */
  readonly timed?: true;
}

export const configPath = (path: string): string => join(path, 'relaykeeper.yaml');

export function writeConfig(path: string, config: object | string): void {
  writeFileSync(configPath(path), typeof config === 'string' ? config : JSON.stringify(config, undefined, 2));
}

/** What every configuration here begins with: no fixed port, nothing outside the folder. */
export const plainServer = { listen: '127.0.0.1:0', socket: 'rk.sock' } as const;

/** Starting takes a second of the processor: two at a time, so that no start waits for all the others. */
const startsAtOnce = 2;
let starting = 0;
const waitingToStart: (() => void)[] = [];

async function inTurn<T>(start: () => Promise<T>): Promise<T> {
  if (starting >= startsAtOnce) await new Promise<void>((resolve) => waitingToStart.push(resolve));
  starting++;
  try {
    return await start();
  } finally {
    starting--;
    waitingToStart.shift()?.();
  }
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell resolves it
const runInShell = 'line=("$@"); run() { echo "$BASHPID" > pid.new; mv pid.new pid; exec "${line[@]}"; }';

/** A zombie is gone: only its parent has not looked yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

export class Daemon {
  readonly folder: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly lines: LogLine[] = [];
  stdout = '';
  stderr = '';
  readonly #ownGroup: boolean;
  #over: Ended | undefined;
  #scraping: Promise<unknown> = Promise.resolve();
  #nextScrape: Promise<readonly Sample[]> | undefined;

  constructor({ folder: path, config, env = {}, args = [], nodeArgs = [], main = ours, timed, shell }: StartOptions) {
    this.folder = path;
    if (config !== undefined) writeConfig(path, config);
    const line = [process.execPath, ...nodeArgs, main, 'run', '--config', configPath(path), ...args];
    const words = timed ? 'TIMEFORMAT="cpu %U %S"; time "$@"' : shell && `${runInShell}\n${shell}`;
    const [file = '', ...rest] = words === undefined ? line : ['bash', '-c', words, 'bash', ...line];
    this.child = spawn(file, rest, {
      cwd: path,
      env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: compiled, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A shell is killed with what it started.
      detached: shell !== undefined,
    });
    this.#ownGroup = shell !== undefined;
    running.add(this.child);
    const { stdout, stderr } = this.child;
    if (!stdout || !stderr) throw new Error('no pipes');
    createInterface({ input: stdout }).on('line', (line) => this.#read(line));
    stderr.on('data', (piece) => {
      this.stderr += piece;
    });
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this.child);
      this.#over = {
        code,
        signal,
        stdout: this.stdout,
        stderr: this.stderr,
      };
      return this.#over;
    });
  }

  #read(line: string): void {
    this.stdout += `${line}\n`;
    this.lines.push(JSON.parse(line));
  }

  get running(): boolean {
    return this.#over === undefined;
  }

  /** Resolves when it listens; fails with what it said if it ended instead. */
  async listening(): Promise<this> {
    await until(
      'the daemon listens',
      () => {
        if (this.#over) throw new Error(`it ended with ${this.#over.code}: ${this.stderr}`);
        return this.said('listening').length > 0;
      },
      () => this.tail(),
      longestStartMs,
    );
    return this;
  }

  get url(): string {
    return String(this.said('listening')[0]?.url);
  }

  said(event: string, fields: Readonly<Record<string, unknown>> = {}): readonly LogLine[] {
    return this.lines.filter(
      (line) => line.event === event && Object.entries(fields).every(([name, value]) => line[name] === value),
    );
  }

  /** Waits for a line of the log. */
  async saying(event: string, fields: Readonly<Record<string, unknown>> = {}, withinMs?: number): Promise<LogLine> {
    await until(
      `the log says ${event} ${JSON.stringify(fields)}`,
      () => {
        if (this.said(event, fields).length > 0) return true;
        if (this.#over) throw new Error(`it ended with ${this.#over.code} without saying ${event}: ${this.stderr}`);
        return false;
      },
      () => this.tail(),
      withinMs,
    );
    const [line] = this.said(event, fields);
    if (!line) throw new Error('it said so a moment ago');
    return line;
  }

  tail(): string {
    return `${this.stdout.split('\n').slice(-25).join('\n')}\nstderr: ${this.stderr}`;
  }

  /** Asks over the unix socket, as the operator on the machine. */
  ask(method: string, path: string, body?: object): Promise<Answered> {
    return exchange({ socketPath: join(this.folder, 'rk.sock') }, method, path, {}, body);
  }

  /** Asks over TCP, with a token or without. */
  askListen(method: string, path: string, token?: string, body?: object): Promise<Answered> {
    const { hostname, port } = new URL(this.url);
    return exchange(
      { host: hostname, port },
      method,
      path,
      token === undefined ? {} : { authorization: `Bearer ${token}` },
      body,
    );
  }

  async get<T>(path: string): Promise<T> {
    const { status, json, text } = await this.ask('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
    return json as T;
  }

  /**
   * One scrape at a time, shared by all who asked before it began: with 46 accounts it is 2.5 MB, and the daemon cuts
   * off who reads slowest when more than 16 MB wait to be read.
   */
  metrics(): Promise<readonly Sample[]> {
    this.#nextScrape ??= this.#scraping.then(() => {
      this.#nextScrape = undefined;
      const scrape = this.ask('GET', '/metrics').then(({ text }) => readMetrics(text));
      this.#scraping = scrape.catch(() => undefined);
      return scrape;
    });
    return this.#nextScrape;
  }

  /** The sum of all samples with these labels; 0 if there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sum(await this.metrics(), name, labels);
  }

  /** Memory in MiB from /proc: what it has now, and the most it ever had. */
  memory(): { readonly now: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
    return { now: mib('VmRSS'), peak: mib('VmHWM') };
  }

  /** What all of its threads have had of the processor, in hundredths of a second. */
  computedMs(): number {
    const [, , ...fields] = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(/(?<=\)) | /);
    return 10 * (Number(fields[11]) + Number(fields[12]));
  }

  /** The process of the daemon itself, below a shell too. */
  get pid(): number {
    return this.#ownGroup ? Number(readFileSync(join(this.folder, 'pid'), 'utf8')) : (this.child.pid ?? 0);
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Stops it where it stands, until `SIGCONT`. */
  async freeze(): Promise<void> {
    this.signal('SIGSTOP');
    await until('it stands still', () => /^State:\s+T/m.test(readFileSync(`/proc/${this.pid}/status`, 'utf8')));
  }

  /** Until it says over its socket that it is ready. */
  async answering(): Promise<this> {
    await until(
      'it is ready',
      async () => (await this.ask('GET', '/-/ready').catch(() => undefined))?.status === 200,
      () => this.tail(),
      longestStartMs,
    );
    return this;
  }

  /** How long it takes until its process is gone, milliseconds. */
  async gone(withinMs = longestWaitMs): Promise<number> {
    const from = performance.now();
    await until(`process ${this.pid} is gone`, () => !isAlive(this.pid), undefined, withinMs);
    return performance.now() - from;
  }

  async kill(): Promise<Ended> {
    if (this.#ownGroup && this.child.pid !== undefined) {
      killIfThere(-this.child.pid);
      if (existsSync(join(this.folder, 'pid'))) killIfThere(this.pid);
    }
    this.child.kill('SIGKILL');
    return this.ended;
  }

  stop(): Promise<Ended> {
    this.child.kill('SIGTERM');
    return this.ended;
  }

  hangUp(): void {
    this.child.kill('SIGHUP');
  }
}

/** Any other command of the program, to its end. */
export async function command(path: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  mkdirSync(path, { recursive: true });
  const child = spawn(process.execPath, [ours, ...args], {
    cwd: path,
    env: { PATH: process.env.PATH ?? '', USER: 'lin', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => {
    stdout += piece;
  });
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  const [code] = await once(child, 'close');
  return { code: code as number | null, stdout, stderr };
}

export function sum(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>>): number {
  return samples
    .filter((sample) => sample.name === `relaykeeper_${name}`)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((total, { value }) => total + value, 0);
}

export function readMetrics(text: string): readonly Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const parts = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!parts) throw new Error(`not a sample: ${line}`);
      const labels = [...(parts[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      return {
        name: parts[1] ?? '',
        labels: Object.fromEntries(labels.map(([, name, value]) => [name, value])),
        value: Number(parts[3]),
      };
    });
}

function exchange(
  where: { readonly socketPath: string } | { readonly host: string; readonly port: string },
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...where,
      method,
      path,
      agent: false,
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString('utf8');
        let json: unknown;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        resolve({ status: response.statusCode ?? 0, text, json });
      });
    });
    asked.end(body ? JSON.stringify(body) : undefined);
  });
}
