/** `store`: copies, backs up or checks a store. It works on the store itself, not through the daemon. */
import { Command } from 'commander';
import type { StoreErrand } from '../domain/ports/app-port.ts';
import { plain } from './show.ts';
import type { Surroundings } from './surroundings.ts';

const addresses = `
An address is sqlite:FILE or postgres://user@host/database. The configured store
uses its configured password; for another one, set PGPASSWORD or put the
password in the address.`;

export const storeCommand = (surroundings: Surroundings): Command => {
  const run = async (errand: StoreErrand) => {
    const { configPath, env, clock, out } = surroundings;
    const { doStoreErrand } = await surroundings.app();
    const { exitCode, lines } = await doStoreErrand({ configPath, env, clock, errand });
    surroundings.exitCode = exitCode;
    for (const line of lines) (exitCode === 0 ? out.write : out.error).call(out, `${plain(line)}\n`);
  };
  return new Command('store')
    .description('copy, back up or check the store')
    .addCommand(
      new Command('copy')
        .description('copy a whole store to an empty place, and compare the two; no daemon may run on either')
        .argument('<FROM>')
        .argument('<TO>')
        .addHelpText('after', addresses)
        .action((from: string, to: string) => run({ kind: 'copy', from, to })),
    )
    .addCommand(
      new Command('backup')
        .description('save the configured SQLite store in a new file, also while the daemon runs')
        .argument('<FILE>')
        .action((file: string) => run({ kind: 'backup', file })),
    )
    .addCommand(
      new Command('check')
        .description('read every record as the daemon would; no daemon may run on it')
        .argument('[ADDRESS]', 'default: the configured store')
        .addHelpText('after', addresses)
        .action((at: string | undefined) => run({ kind: 'check', at })),
    );
};
