/** `simulate`: the pretend cloud alone, for trying out the daemon or another client. */
import { Command, Option } from 'commander';
import type { Vendor } from '../simulator/world.ts';
import { paint } from './show.ts';
import { exitCodes, Failure, misuse, type Surroundings } from './surroundings.ts';
import { wholeNumber } from './typed.ts';

interface Options {
  readonly listen: string;
  readonly seed: number;
  readonly like: Vendor;
}

export const simulateCommand = (surroundings: Surroundings): Command =>
  new Command('simulate')
    .description('run only the pretend cloud, until Ctrl-C: about 200 tasks, some of which stop at random')
    .option('--listen <HOST:PORT>', 'where it listens', '127.0.0.1:9850')
    .option('--seed <NUMBER>', 'the same number gives the same tasks and the same failures', wholeNumber(0), 1)
    .addOption(
      new Option('--like <VENDOR>', 'whose limits and region it has')
        .choices(['volcengine', 'byteplus'])
        .default('volcengine'),
    )
    .action(async ({ listen, seed, like }: Options) => {
      const { out, clock, program } = surroundings;
      const { stop } = surroundings.signals();
      const [{ createDemoWorld }, { demoKey }, { openDoor }, { readListen }] = await Promise.all([
        import('../simulator/demo.ts'),
        import('../simulator/demo-key.ts'),
        import('../simulator/door.ts'),
        import('../settings/values.ts'),
      ]);
      const read = readListen(listen);
      if (!read.ok) throw misuse(`--listen ${read.wrong}`);
      const { host, port } = read.value;
      const world = createDemoWorld({ seed, now: clock.now(), like });
      const door = await openDoor({ world, clock, host, port }).catch((error) => {
        if (!(error instanceof Error && 'syscall' in error)) throw error;
        const next = `Take another port: ${program} simulate --listen 127.0.0.1:0`;
        throw new Failure(exitCodes.failed, `cannot listen on ${listen}: ${error.message}`, next);
      });
      out.write(
        `${paint(out, 'bold', 'a pretend cloud')} with ${world.tasks.size} tasks (seed ${seed}) at ${door.url}\n`,
      );
      out.write('To point a daemon at it, give the account in its configuration:\n');
      if (like !== 'volcengine') out.write(`  provider: ${like}\n`);
      out.write(`  endpoint: ${door.url}\n`);
      out.write(`  credentials: {accessKeyId: ${demoKey.accessKeyId}, secretAccessKey: ${demoKey.secretAccessKey}}\n`);
      // The open door keeps the process alive, not the wait for a signal.
      if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
      await door.close();
    });
