/**
 * Proxies: which one stands between us and an origin, and the tunnel through it.
 *
 * Everything goes through a tunnel (CONNECT), http as well: so a call is written to the cloud's own connection, and
 * what the transport knows of it (left, or never left) is true with a proxy too. No message contains the proxy's
 * address: it may contain a token.
 */

import type { RequestOptions } from 'node:http';
import { isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Environment } from '../domain/ports/app-port.ts';
import { lookupOnce } from './name-lookup.ts';

/** `unusable`: there is one, and its address cannot be read. A function gives it anew for each connection. */
export type ProxyAddress = URL | 'unusable' | (() => Promise<URL | 'unusable'>);

/**
 * `configured`: the account's own `proxy`, which takes all origins; `none`: none, whatever the environment says. Else
 * HTTPS_PROXY and HTTP_PROXY by the origin's scheme, but for the hosts of NO_PROXY; lower case comes before upper.
 */
export function proxyFor(
  configured: string | (() => Promise<string>) | undefined,
  env: Environment,
): (origin: string) => ProxyAddress | undefined {
  // An empty one is none, as it is to curl: a compose file passes variables on that nobody set.
  const either = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  return (origin) => {
    const { protocol, hostname, port } = new URL(origin);
    if (typeof configured === 'function') return async () => readProxy(await configured());
    if (configured !== undefined) return configured === 'none' ? undefined : readProxy(configured);
    const named = either(protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
    const around = isExcepted(either('NO_PROXY') ?? '', hostname, port || defaultPorts[protocol] || '');
    return named === undefined || around ? undefined : readProxy(named);
  };
}

const defaultPorts: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80' };

/** As curl and Go read it: a host without a scheme is an http proxy. */
function readProxy(text: string): URL | 'unusable' {
  const whole = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const usable =
    url && /^https?:$/.test(url.protocol) && url.hostname !== '' && [url.username, url.password].every(isDecodable);
  return usable ? url : 'unusable';
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** NO_PROXY: hosts and their subdomains, `*`, each with a port or without, between commas or blanks. */
function isExcepted(list: string, hostname: string, port: string): boolean {
  const asked = hostname.replace(/^\[|\]$/g, '');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry);
      const host = (parts ? (parts[1] ?? parts[2] ?? '') : entry).replace(/^\*?\./, '');
      if (host === '' || (parts?.[3] !== undefined && parts[3] !== port)) return false;
      return host === '*' || asked === host || asked.endsWith(`.${host}`);
    });
}

/** What undici gives a connector. */
interface Wanted {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
  readonly servername?: string | undefined;
}
type Connected = (...end: [error: null, socket: Socket] | [error: Error, socket: null]) => void;

/** The error of a tunnel that the proxy refused, or of a proxy that cannot be reached. */
class ProxyFailure extends Error {
  readonly code = 'ERR_PROXY';
}

interface TunnelOptions {
  /** Of the tunnel, and of the TLS handshake in it. */
  readonly timeoutMs: number;
  /** Before the next address of the proxy's name is tried. */
  readonly attemptMs: number;
}

/** Node hands these two to `net.connect`, as its documentation says; its types do not know it. */
type TunnelRequest = RequestOptions & Pick<TcpNetConnectOpts, 'autoSelectFamily' | 'autoSelectFamilyAttemptTimeout'>;

/** A connector that asks `proxy` for a tunnel to what is wanted; https speaks TLS with the cloud in it. */
export function tunnelThrough(which: ProxyAddress, { timeoutMs, attemptMs }: TunnelOptions) {
  return async ({ protocol, hostname, port, servername }: Wanted, connected: Connected): Promise<void> => {
    const proxy = typeof which === 'function' ? await which() : which;
    if (proxy === 'unusable') return connected(new ProxyFailure('the address of the proxy cannot be read'), null);
    const target = `${hostname}:${port || defaultPorts[protocol]}`;
    // Not imported: an import reads all exports, WebSocket among them, and that loads Node's fetch, 8 MiB.
    const { request } = process.getBuiltinModule(proxy.protocol === 'https:' ? 'node:https' : 'node:http');
    let over = false;
    const end: Connected = (...what) => {
      if (!over) connected(...what);
      over = true;
    };
    const failed = () => end(new ProxyFailure('the proxy cannot be reached'), null);
    const options: TunnelRequest = {
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || defaultPorts[proxy.protocol],
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...authorization(proxy) },
      agent: false,
      timeout: timeoutMs,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptMs,
      lookup: lookupOnce,
    };
    const asking = request(options);
    asking.on('error', failed);
    asking.on('timeout', () => asking.destroy(new Error('no answer in time')));
    asking.on('connect', (response, socket: Socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        return end(new ProxyFailure(`the proxy refused (HTTP ${response.statusCode})`), null);
      }
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      if (protocol !== 'https:') return end(null, socket);
      const name = servername || hostname;
      const inside = connectTls({
        socket,
        host: hostname,
        ...(isIP(name) ? {} : { servername: name }),
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: true,
      });
      inside.setTimeout(timeoutMs, () => inside.destroy(new ProxyFailure('no TLS handshake in time')));
      inside.once('error', (error) => end(error, null));
      inside.once('close', failed);
      inside.once('secureConnect', () => {
        inside.setTimeout(0);
        end(null, inside);
      });
    });
    asking.end();
  };
}

function authorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const both = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(both).toString('base64')}` };
}
