/** `run`: the daemon, until a signal stops it. */
import { Command } from 'commander';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';
import { programVersion } from './version.ts';

export const runCommand = (surroundings: Surroundings): Command =>
  new Command('run')
    .description('run the daemon: poll, restart what stopped, serve metrics; ends at SIGTERM or Ctrl-C')
    .option('--listen <HOST:PORT>', 'instead of server.listen (also: environment variable RELAYKEEPER_LISTEN)')
    .action(async (options: { listen?: string }) => {
      const { configPath, env, clock, out, program } = surroundings;
      const listen = options.listen ?? (env.RELAYKEEPER_LISTEN || undefined);
      if (listen !== undefined) await checkListen(listen);
      // Signals first: one that arrives while the modules load must end the process cleanly too.
      const signals = surroundings.signals();
      const { runApp } = await surroundings.app();
      const stderr = { write: (text: string) => out.error(text) };
      const version = programVersion();
      surroundings.exitCode = await runApp({ configPath, listen, program, version, env, clock, signals, stderr });
      if (surroundings.exitCode === exitCodes.badConfiguration)
        out.error(`  Fix the configuration, then check again: ${program} check\n`);
    });

async function checkListen(listen: string): Promise<void> {
  const { readListen } = await import('../settings/values.ts');
  const read = readListen(listen);
  if (!read.ok) throw new Failure(exitCodes.usage, `--listen or RELAYKEEPER_LISTEN ${read.wrong}`);
}
