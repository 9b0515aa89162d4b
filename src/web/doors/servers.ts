/** The servers behind the doors, as Node has them: made with their deadlines, opened, closed. */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Door, DoorsOptions, FromDoors, KeyPair, Limits } from '../between-threads.ts';
import { codeOf } from '../problem.ts';

/** Not imported: an import reads all exports, WebSocket among them, and that loads Node's fetch, 4 MiB in each thread. */
const { createServer } = process.getBuiltinModule('node:http');

const maxHeaderBytes = 16 * 1024;

export interface DoorServer {
  readonly door: Door;
  readonly server: Server;
  /** What Node listens on. */
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
}

export function createServers({ host, port, socket, pair, limits }: DoorsOptions): DoorServer[] {
  const tcp = pair ? createTlsServer(pair, limits) : createServer(serverOptions(limits));
  const servers: DoorServer[] = [{ door: 'listen', server: tcp, at: { host, port } }];
  if (socket !== undefined)
    servers.push({ door: 'socket', server: createServer(serverOptions(limits)), at: { path: socket } });
  return servers;
}

/** `node:https` is loaded only where there is a certificate. */
function createTlsServer(pair: KeyPair, limits: Limits): Server {
  const https = process.getBuiltinModule('node:https');
  return https.createServer({ ...serverOptions(limits), ...inPem(pair), handshakeTimeout: limits.headersMs });
}

const serverOptions = (limits: Limits) => ({
  maxHeaderSize: maxHeaderBytes,
  headersTimeout: limits.headersMs,
  requestTimeout: limits.requestMs,
  keepAliveTimeout: limits.keepAliveMs,
  connectionsCheckingInterval: limits.checkEveryMs,
});

const inPem = ({ cert, key }: KeyPair) => ({ cert: Buffer.from(cert), key: Buffer.from(key) });

/** From the next handshake on. */
export function renewCertificate(servers: readonly DoorServer[], pair: KeyPair): void {
  for (const { server } of servers) if (isTls(server)) server.setSecureContext(inPem(pair));
}

export const isTls = (server: Server | TlsServer): server is TlsServer => 'setSecureContext' in server;

/** Opens all, or none: says which one could not be opened and why. */
export async function openServers(servers: readonly DoorServer[], say: (message: FromDoors) => void): Promise<void> {
  for (const { door, server, at } of servers) {
    const refused = await new Promise<string | undefined>((resolve) => {
      server.once('error', (error) => resolve(codeOf(error)));
      server.listen(at, () => resolve(undefined));
    });
    if (refused !== undefined) {
      for (const one of servers) one.server.close();
      return say({ kind: 'refused', door, code: refused });
    }
    server.removeAllListeners('error');
    // Too many open files, for one: the door stays open and somebody should know.
    server.on('error', (error) => say({ kind: 'trouble', error: String(error) }));
  }
  const address = servers[0]?.server.address();
  say({ kind: 'opened', port: typeof address === 'object' && address ? address.port : 0 });
}

/** Takes no new connections; resolves when the last one has ended. */
export async function closeServers(servers: readonly DoorServer[]): Promise<void> {
  await Promise.all(
    servers.map(({ server }) => {
      const over = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      return over;
    }),
  );
}
