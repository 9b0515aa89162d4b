/** The command line as a whole: which commands there are, and how each kind of end becomes a message and an exit code. */
import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import { explainCommand } from './explain.ts';
import { healthcheckCommand } from './healthcheck.ts';
import { historyCommand } from './history.ts';
import { holdCommand } from './hold.ts';
import { planCommand } from './plan.ts';
import { releaseCommand } from './release.ts';
import { restartCommand } from './restart.ts';
import { runCommand } from './run.ts';
import { schemaCommand } from './schema.ts';
import { paint } from './show.ts';
import { simulateCommand } from './simulate.ts';
import { statusCommand } from './status.ts';
import { storeCommand } from './store.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';
import { tasksCommand } from './tasks.ts';
import { programVersion, versionCommand } from './version.ts';

/**
 * Runs one command.
 * @param args what was typed after the program's name
 * @returns the exit code. Throws only for a mistake of our own.
 */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    await commandLine(surroundings).parseAsync(args, { from: 'user' });
    return surroundings.exitCode;
  } catch (error) {
    // Commander has printed its message by then; help and --version are thrown as ends too, with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    if (!(error instanceof Failure)) throw error;
    const { out } = surroundings;
    out.error(`${paint(out, 'red', 'relaykeeper:')} ${error.message}\n`);
    if (error.next !== undefined) out.error(`  ${error.next}\n`);
    return error.exitCode;
  }
}

function commandLine(surroundings: Surroundings): Command {
  const { out, program } = surroundings;
  const root = new Command(program)
    .description('Keeps Volcengine / BytePlus Live relay (pull-to-push) tasks alive.')
    .version(programVersion(), '-V, --version')
    .option('-c, --config <FILE>', 'default: relaykeeper.yaml, else /etc/relaykeeper/relaykeeper.yaml')
    .helpCommand(false)
    .hook('preAction', () => {
      const { config } = root.opts<{ config?: string }>();
      surroundings.configPath = config;
      // So that the commands we tell of can be typed as they stand.
      if (config !== undefined) surroundings.program = `${program} --config ${quoted(config)}`;
    })
    .addHelpText('after', exitCodeHelp);
  root.commandsGroup('The daemon:');
  root
    .addCommand(checkCommand(surroundings))
    .addCommand(planCommand(surroundings))
    .addCommand(runCommand(surroundings));
  root.commandsGroup('On call (these ask the running daemon):');
  const onCall = [
    statusCommand,
    tasksCommand,
    explainCommand,
    historyCommand,
    holdCommand,
    restartCommand,
    releaseCommand,
  ];
  for (const command of onCall) root.addCommand(command(surroundings));
  root.addCommand(healthcheckCommand(surroundings));
  root.commandsGroup('Other:');
  root
    .addCommand(storeCommand(surroundings))
    .addCommand(simulateCommand(surroundings))
    .addCommand(schemaCommand(surroundings));
  root.addCommand(versionCommand(surroundings));
  everyCommand(root, (command) => {
    command.exitOverride().configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => out.error(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${paint(out, 'red', 'relaykeeper:')} `)),
      getOutHasColors: () => out.colors,
      getErrHasColors: () => out.colors,
    });
    command.showHelpAfterError(`  See: ${nameOf(command)} --help`);
  });
  return root;
}

function everyCommand(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const child of command.commands) everyCommand(child, change);
}

const nameOf = (command: Command): string =>
  command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

const quoted = (path: string): string => (/^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

const exitCodeHelp = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 5 refused, 6 daemon unreachable, 78 bad configuration.`;
