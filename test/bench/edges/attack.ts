/**
 * Clients that mean harm or know no better, as a process of their own: `attack.ts URL SOCKET KIND=COUNT…`.
 *
 * Each begins again a moment after it was thrown out. What it costs to attack must not be taken for what it costs to
 * be attacked: the process is started with a lower priority, and every client waits a little between requests.
 */
import { type ClientRequestArgs, request } from 'node:http';
import { connect, type Socket } from 'node:net';

const [, , address = '', socketPath = '', ...counts] = process.argv;
const url = new URL(address);
const againAfterMs = 300;
const pauseMs = 5;

const paths = [
  '/metrics',
  '/api/v1/status',
  '/api/v1/tasks',
  '/api/v1/events?limit=1000',
  '/api/v1/openapi.json',
  '/api/v1/tasks?state=active',
  '/api/v1/groups',
];

const pages = ['/', '/tasks', '/groups', '/tasks/main/vip-0001', '/events', '/holds', '/tasks?search=vip&state=active'];

/** Connects, does what `act` does, and connects again when it is over. */
function visit(act: (socket: Socket) => (() => void) | undefined): void {
  const socket = connect(Number(url.port), url.hostname);
  let stop: (() => void) | undefined;
  socket.on('connect', () => {
    stop = act(socket);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    stop?.();
    setTimeout(() => visit(act), againAfterMs);
  });
}

const every = (ms: number, run: () => void) => {
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
};

const get = (path: string, method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** Asks for one thing after the other, for ever. */
function ask(where: ClientRequestArgs, method: string, path: (n: number) => string, n = 0): void {
  const next = () => setTimeout(() => ask(where, method, path, n + 1), pauseMs);
  const call = request({ ...where, method, path: path(n), agent: false }, (response) => {
    response.resume().on('close', next);
  });
  call.on('error', next);
  call.end();
}

const listen = { host: url.hostname, port: Number(url.port) };

const kinds: Readonly<Record<string, (index: number) => void>> = {
  slowloris: () =>
    visit((socket) => {
      socket.write('GET /metrics HTTP/1.1\r\nX-');
      return every(1_000, () => socket.write('a'));
    }),
  pipelining: () =>
    visit((socket) => {
      socket.pause();
      socket.write(get('/metrics').repeat(600));
      return undefined;
    }),
  'half-open': () => visit(() => undefined),
  'endless-body': () =>
    visit((socket) => {
      socket.write('POST /api/v1/holds HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
      return every(100, () => socket.write('400\r\n'.concat('x'.repeat(1024), '\r\n')));
    }),
  'byte-a-second': () =>
    visit((socket) => {
      socket.pause();
      socket.write(get('/api/v1/tasks'));
      return every(1_000, () => socket.read(1));
    }),
  'long-header': () =>
    visit((socket) => {
      socket.write(`GET /${'x'.repeat(1_000_000)} HTTP/1.1\r\nX-A: ${'y'.repeat(1_000_000)}\r\n\r\n`);
      return undefined;
    }),
  'no-handshake': () =>
    visit((socket) => {
      socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
      return undefined;
    }),
  churn: () => ask(listen, 'HEAD', () => '/-/healthy'),
  loop: (index) => ask(listen, 'GET', (n) => paths[(index + n) % paths.length] ?? ''),
  /** No two requests are alike: nothing can be shared. */
  'loop-unlike': (index) => ask(listen, 'GET', (n) => `/api/v1/tasks?limit=${1 + ((index * 37 + n) % 500)}`),
  /** Listens to events, and comes back when the stream ends. */
  stream: () =>
    visit((socket) => {
      socket.write(get('/api/v1/events/stream'));
      socket.resume();
      return undefined;
    }),
  /** Goes from page to page as fast as they come. */
  browser: (index) => ask(listen, 'GET', (n) => pages[(index + n) % pages.length] ?? ''),
  reload: () => ask({ socketPath }, 'POST', () => '/-/reload'),
  probe,
  'loop-socket': (index) => ask({ socketPath }, 'GET', (n) => paths[(index + n) % paths.length] ?? ''),
};

/** No attack: tells on standard output how long each answer took, in milliseconds. */
function probe(): void {
  const began = performance.now();
  const again = () => {
    console.log((performance.now() - began).toFixed(0));
    setTimeout(probe, 100);
  };
  const call = request({ ...listen, path: '/-/healthy', agent: false }, (response) => {
    if (response.statusCode !== 200) throw new Error(`not healthy: ${response.statusCode}`);
    response.resume().on('end', again);
  });
  call.end();
}

for (const part of counts) {
  const [kind = '', count = '1'] = part.split('=');
  const start = kinds[kind];
  if (!start) throw new Error(`no kind ${kind}: there are ${Object.keys(kinds).join(', ')}`);
  for (let index = 0; index < Number(count); index++) start(index);
}
