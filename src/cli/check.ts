/** `check`: every mistake in the configuration at once, or what polling by it will cost. It calls the cloud only with `--cloud`. */

import { Command } from 'commander';
import { durationText } from '../domain/words/duration.ts';
import type { Forecast } from '../settings/forecast.ts';
import type { Loaded } from '../settings/loaded.ts';
import { moment, paint, plain, plainLines, writeJson } from './show.ts';
import { exitCodes, Failure, type Output, type Surroundings } from './surroundings.ts';
import { wholeNumber } from './typed.ts';

/** What the forecast assumes if nobody says: a middling account. */
const usualTasks = 1000;
const mostTasks = 1_000_000;

interface Options {
  readonly tasks: number;
  readonly json?: true;
  readonly cloud?: true;
}

export const checkCommand = (surroundings: Surroundings): Command =>
  new Command('check')
    .description('find every mistake in the configuration, and forecast its API calls; restarts nothing')
    .option(
      '--tasks <NUMBER>',
      'assume this many tasks per account in the forecast',
      wholeNumber(0, mostTasks),
      usualTasks,
    )
    .option('--cloud', 'poll each account once, and name the groups and `match` entries that match no task')
    .option('--json', 'print JSON')
    .action(async ({ tasks, json, cloud }: Options) => {
      const { out, env, configPath, program } = surroundings;
      const [{ findConfiguration, noConfiguration }, { loadSettings }, { localEngines }, { readFileNow }] =
        await Promise.all([
          import('../settings/find.ts'),
          import('../settings/load.ts'),
          import('../store/open.ts'),
          import('../user-files.ts'),
        ]);
      const path = findConfiguration(configPath);
      if (path === undefined)
        throw new Failure(exitCodes.badConfiguration, noConfiguration, `Write one, then check it: ${program} check`);
      const loaded = loadSettings({ path, env, engines: localEngines, readFile: readFileNow });
      if (!loaded.ok) {
        surroundings.exitCode = exitCodes.badConfiguration;
        if (json) return writeJson(out, { ok: false, file: path, errors: loaded.errors, ...nothingFound });
        return writeMistakes(surroundings, path, loaded.errors);
      }
      const findings = await found(loaded, surroundings, tasks);
      const polled = cloud ? await poll(surroundings, path) : undefined;
      if (json)
        return writeJson(out, { ok: true, file: path, errors: [], ...findings, ...(polled && { cloud: polled }) });
      const { accounts, groups } = loaded.settings;
      const good = `${path} is good: ${accounts.length} account(s), ${groups.length} group(s), hash ${loaded.hash}`;
      write(surroundings, good, findings);
      if (polled) writePolled(out, polled);
    });

/** What one poll of every account shows, and which groups and names no task matches. */
async function poll(surroundings: Surroundings, configPath: string) {
  const { env, clock } = surroundings;
  const { planOnce } = await surroundings.app();
  const plan = await planOnce({ configPath, env, clock, signal: surroundings.signals().stop });
  if (plan.ok && plan.failed.length === 0) return { tasks: plan.tasks.length, warnings: plan.unmatched, errors: [] };
  surroundings.exitCode = plan.ok ? exitCodes.failed : plan.exitCode;
  return { tasks: 0, warnings: [], errors: plan.ok ? plan.failed : plan.errors };
}

function writePolled(out: Output, { tasks, warnings, errors }: Awaited<ReturnType<typeof poll>>): void {
  for (const error of errors) out.error(`${plainLines(error)}\n`);
  if (errors.length > 0) return;
  for (const warning of warnings) out.error(`${paint(out, 'yellow', 'warning:')} ${plain(warning)}\n`);
  out.write(`polled once: ${tasks} tasks${warnings.length === 0 ? '; every group matches at least one' : ''}\n`);
}

type Good = Extract<Loaded, { readonly ok: true }>;

const nothingFound = { warnings: [], forecast: [], keys: [], maintenance: [] };

/** What to report about a configuration without mistakes. */
async function found({ settings, warnings }: Good, { env, clock }: Surroundings, tasks: number) {
  const [{ maintenanceAt }, { forecast }, { keySource }] = await Promise.all([
    import('../settings/settings.ts'),
    import('../settings/forecast.ts'),
    import('../cloud/keys/where-from.ts'),
  ]);
  const origins = settings.accounts.map(async ({ name, credentials, vendor }) => {
    const from = credentials.kind === 'none' ? undefined : await keySource(credentials, vendor, env).origin;
    return from === undefined ? [] : [{ account: name, from }];
  });
  return {
    warnings,
    forecast: forecast(settings, tasks),
    /** Where the keys of an account will come from. */
    keys: (await Promise.all(origins)).flat(),
    /** Recurring holds, now or when they come next. */
    maintenance: maintenanceAt(settings, clock.now()),
  };
}
type Found = Awaited<ReturnType<typeof found>>;

function writeMistakes(
  { out, program }: Surroundings,
  path: string,
  errors: readonly { readonly text: string }[],
): void {
  for (const { text } of errors) out.error(`${text}\n\n`);
  const count = errors.length;
  out.error(`${paint(out, 'red', 'relaykeeper:')} ${count} mistake${count === 1 ? '' : 's'} in ${path}\n`);
  out.error(`  Fix ${count === 1 ? 'it' : 'them'}, then check again: ${program} check\n`);
}

function write({ out, program }: Surroundings, good: string, { warnings, forecast, keys, maintenance }: Found): void {
  for (const { text } of warnings) out.error(`${paint(out, 'yellow', 'warning:')} ${text}\n\n`);
  out.write(`${good}\n`);
  for (const account of forecast) writeForecast(out, account);
  for (const { id, reason, startsAt, endsAt } of maintenance)
    out.write(`${id}: held from ${moment(out, startsAt)} to ${moment(out, endsAt)}: ${plain(reason)}\n`);
  for (const { account, from } of keys) out.write(`account ${plain(account)}: ${from}\n`);
  if (out.isTerminal) out.write(`Next, what it would restart now (it sends nothing): ${program} plan\n`);
}

function writeForecast(out: Output, forecast: Forecast): void {
  const { callsPerPoll, gapMs, pollsPerSecond, verifyPerSecond, limitPerSecond, pollShare, tasks } = forecast;
  const perSecond = (calls: number) => calls.toFixed(2);
  const verify =
    verifyPerSecond > 0 ? `, and up to ${perSecond(verifyPerSecond)} more while restarts are verified` : '';
  out.write(
    `account ${plain(forecast.account)}, if it has ${forecast.tasks} tasks: ${callsPerPoll} call(s) a poll, every ${durationText(gapMs)}: ` +
      `${perSecond(pollsPerSecond)} calls a second of ${limitPerSecond} (${Math.round(pollShare * 100)} %)${verify}; ` +
      `${perSecond(forecast.restartPerSecond)} restarts a second: all ${tasks} in ${durationText(forecast.allRestartedMs)}\n`,
  );
  for (const warning of forecast.warnings) out.error(`${paint(out, 'yellow', 'warning:')} ${warning}\n`);
}
