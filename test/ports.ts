/** Ports for who must know one before it listens, or comes back to it later. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Beneath all that a system gives to who asks for any: nobody is given one that is free for a moment. */
const [from, count] = [11_000, 5_000];
/** Each process of the tests begins at another. */
let next = process.pid * 16;

/** Another at each call. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = from + (next++ % count);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
