/** The command line: which commands there are, and how each way to end becomes a message and an exit code. */
import { Command, CommanderError } from 'commander';
import { exitMeanings } from '../domain/words/exit-code.ts';
import { shellWord } from '../domain/words/shell-word.ts';
import { paint } from './show.ts';
import { type ExitCode, exitCodes, Failure, type Surroundings } from './surroundings.ts';
import { programVersion } from './version.ts';

type Load = () => Promise<(surroundings: Surroundings) => Command>;

/** By the heading that help lists them under. Each is loaded where it is wanted: a daemon keeps for years what it has. */
const commandGroups: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  'The daemon:': {
    check: async () => (await import('./check.ts')).checkCommand,
    plan: async () => (await import('./plan.ts')).planCommand,
    run: async () => (await import('./run.ts')).runCommand,
  },
  'On call (these ask the running daemon):': {
    status: async () => (await import('./status.ts')).statusCommand,
    tasks: async () => (await import('./tasks.ts')).tasksCommand,
    explain: async () => (await import('./explain.ts')).explainCommand,
    history: async () => (await import('./history.ts')).historyCommand,
    hold: async () => (await import('./hold.ts')).holdCommand,
    restart: async () => (await import('./restart.ts')).restartCommand,
    release: async () => (await import('./release.ts')).releaseCommand,
    healthcheck: async () => (await import('./healthcheck.ts')).healthcheckCommand,
  },
  'Other:': {
    store: async () => (await import('./store.ts')).storeCommand,
    simulate: async () => (await import('./simulate.ts')).simulateCommand,
    schema: async () => (await import('./schema.ts')).schemaCommand,
    completion: async () => (await import('./completion.ts')).completionCommand,
    version: async () => (await import('./version.ts')).versionCommand,
  },
};

/** The one command that is wanted; undefined: help, completion and who mistypes a name want them all. */
function wantedOf(args: readonly string[]): string | undefined {
  const [name = ''] = args[0] === '-c' || args[0] === '--config' ? args.slice(2) : args;
  const isOne = Object.values(commandGroups).some((commands) => Object.hasOwn(commands, name));
  return isOne && name !== 'completion' ? name : undefined;
}

/**
 * Runs one command.
 * @param args what was typed after the program's name
 * @returns the exit code. Throws only because of a bug.
 */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { program } = surroundings;
  let ran = program;
  try {
    const root = await commandLine(surroundings, wantedOf(args));
    root.hook('preAction', (_root, command) => {
      ran = nameOf(command);
    });
    await root.parseAsync(args, { from: 'user' });
    return surroundings.exitCode;
  } catch (error) {
    // Commander has printed its message by then; it throws after help and --version too, with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    if (!(error instanceof Failure)) throw error;
    const { out } = surroundings;
    out.error(`${paint(out, 'red', 'relaykeeper:')} ${error.message}\n`);
    out.error(`  ${error.next ?? nextSteps[error.exitCode](surroundings.program, ran)}\n`);
    return error.exitCode;
  }
}

async function commandLine(surroundings: Surroundings, wanted: string | undefined): Promise<Command> {
  const { out, program } = surroundings;
  const root = new Command(program)
    .description('Keeps Volcengine / BytePlus Live relay (pull-to-push) tasks alive.')
    .version(programVersion(), '-V, --version')
    .option('-c, --config <FILE>', 'default: relaykeeper.yaml, else /etc/relaykeeper/relaykeeper.yaml')
    .helpCommand(false)
    .hook('preAction', () => {
      const { config } = root.opts<{ config?: string }>();
      surroundings.configPath = config;
      // So that people can type the commands in our hints as they stand.
      if (config !== undefined) surroundings.program = `${program} --config ${shellWord(config)}`;
    })
    .addHelpText('after', manual);
  for (const [heading, commands] of Object.entries(commandGroups)) {
    root.commandsGroup(heading);
    for (const [name, load] of Object.entries(commands))
      if (wanted === undefined || wanted === name) root.addCommand((await load())(surroundings));
  }
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

/** What to type after a failure that names no next step itself. */
const nextSteps: Readonly<Record<ExitCode, (program: string, ran: string) => string>> = {
  [exitCodes.done]: (program) => `See: ${program} --help`,
  [exitCodes.usage]: (_program, ran) => `See: ${ran} --help`,
  [exitCodes.failed]: (program) => `See what is wrong: ${program} status`,
  [exitCodes.refused]: (program) => `See what is wrong: ${program} status`,
  [exitCodes.unreachable]: (program) => `Is it running? Start it: ${program} run`,
  [exitCodes.badConfiguration]: (program) => `See every mistake: ${program} check`,
};

function everyCommand(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const child of command.commands) everyCommand(child, change);
}

const nameOf = (command: Command): string =>
  command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

/** What `--help` says after the list of commands; each command has a help of its own. */
const manual = `
At three in the morning:
  status              what is wrong, what is down, what comes next
  explain TASK        why this one is not restarted, and when it is
  history --since 1h  what happened, by whom
  hold add TASK --for 2h --reason "encoder is moved"
  COMMAND --help      more of each, with examples

TASK is the id of a task, the first 6 or more characters of it, or its title.
GROUP is an entry of \`groups:\` in the configuration, not the cloud's own group.

On a terminal: tables, your time zone, titles cut to fit. In a pipe: one row a
line, tab-separated, no headings, nothing cut, UTC. --json: what the API says.

The commands on call speak to the daemon over its unix socket, so run them on
its machine, as its user, in its working directory. From elsewhere:
--url https://HOST:9847 with a token (--token-file or RELAYKEEPER_TOKEN), and
--ca-file for a certificate of your own authority.

Files:
  relaykeeper.yaml       the configuration; else the one in /etc/relaykeeper
  data/relaykeeper.sock  the socket (server.socket)
  data/relaykeeper.db    the ledger (store)
Environment:
  RELAYKEEPER_TOKEN      the token for --url
  NO_COLOR, TZ           no colours; the time zone of what a terminal shows
  VOLCENGINE_ACCESS_KEY, VOLCENGINE_SECRET_KEY, HTTPS_PROXY and others are read
  by \`run\` and \`plan\`; \`check\` says which it finds.
Exit codes:
${Object.entries(exitMeanings)
  .map(([code, means]) => `  ${code.padEnd(4)}${means}`)
  .join('\n')}`;
