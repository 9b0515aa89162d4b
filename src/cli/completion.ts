/**
 * `completion bash|zsh|fish`: a script for the shell, generated from the commands. It knows commands, options and
 * their choices, and does not call relaykeeper: a key press must not wait for a program to start.
 */
import { Argument, Command, type Option } from 'commander';
import type { Surroundings } from './surroundings.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** The name under which it is installed: a checkout has none to complete. */
const program = 'relaykeeper';

const help = `
  bash:  ${program} completion bash \\
           > ~/.local/share/bash-completion/completions/${program}
  zsh:   echo 'source <(${program} completion zsh)' >> ~/.zshrc
  fish:  ${program} completion fish \\
           > ~/.config/fish/completions/${program}.fish`;

export const completionCommand = ({ out }: Surroundings): Command => {
  const command = new Command('completion')
    .description('print a script that completes commands and options in your shell')
    .addArgument(new Argument('<SHELL>', 'which shell').choices(shells))
    .addHelpText('after', help);
  return command.action((shell: Shell) => {
    out.write(scripts[shell](placesOf(command.parent ?? command)));
  });
};

/** A command, and what is typed for it: `hold add`; for the program itself nothing. */
interface Place {
  readonly path: string;
  readonly command: Command;
}

const placesOf = (command: Command, path = ''): readonly Place[] => [
  { path, command },
  ...command.commands.flatMap((child) => placesOf(child, `${path} ${child.name()}`.trim())),
];

/** The values that an argument may have, if they are a closed set. */
const choicesOf = ({ registeredArguments }: Command) =>
  registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);

const inBash = (places: readonly Place[]): string => `# ${program} completion
_${program}() {
  local typed= word words= cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do
    case "$typed $word" in
      ${places
        .filter(({ path }) => path !== '')
        .map(({ path }) => `"${path.includes(' ') ? path : ` ${path}`}"`)
        .join('|')}) typed="\${typed:+$typed }$word" ;;
    esac
  done
  case "$typed:$prev" in
${places.flatMap(({ path, command }) => command.options.filter(takesValue).map((option) => `    "${path}:${option.long}") words="${option.argChoices?.join(' ') ?? ''}" ;;`)).join('\n')}
    *) case "$typed" in
${places.map(({ path, command }) => `      "${path}") words="${[...command.commands.map((child) => child.name()), ...choicesOf(command), ...command.options.map(({ long }) => long), '--help'].join(' ')}" ;;`).join('\n')}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _${program} ${program}
`;

const takesValue = ({ required, optional }: Option): boolean => required || optional;

const scripts: Readonly<Record<Shell, (places: readonly Place[]) => string>> = {
  bash: inBash,
  // zsh runs the script of bash once it is asked to.
  zsh: (places) =>
    `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${inBash(places)}`,
  fish: (places) => [`complete -c ${program} -f`, ...places.flatMap(inFish)].map((line) => `${line}\n`).join(''),
};

function inFish({ path, command }: Place): readonly string[] {
  const { commands, options } = command;
  const where = `complete -c ${program} -n`;
  const here = `${where} '${conditionOf(path)}'`;
  const choices = choicesOf(command);
  return [
    ...commands.map(
      (child) => `${where} '${conditionOf(path, commands)}' -a ${child.name()} -d ${quoted(child.description())}`,
    ),
    ...(choices.length > 0 ? [`${here} -a ${quoted(choices.join(' '))}`] : []),
    ...(command.registeredArguments.some((argument) => argument.name() === 'FILE') ? [`${here} -F`] : []),
    ...options.map(
      (option) => `${here} -l ${option.long?.slice(2)}${valueInFish(option)} -d ${quoted(option.description)}`,
    ),
  ];
}

/** What follows the name of an option: nothing, its choices, a file, or any text. */
function valueInFish(option: Option): string {
  if (!takesValue(option)) return '';
  if (option.argChoices) return ` -x -a ${quoted(option.argChoices.join(' '))}`;
  return option.flags.includes('<FILE>') ? ' -r -F' : ' -x';
}

/** True once the words of the path were typed, and none of the commands that can follow. */
function conditionOf(path: string, next: readonly Command[] = []): string {
  const seen = path.split(' ').filter((word) => word !== '');
  const typed = seen.map((word) => `__fish_seen_subcommand_from ${word}`);
  const none = next.length > 0 ? [`not __fish_seen_subcommand_from ${next.map((one) => one.name()).join(' ')}`] : [];
  return [...typed, ...none].join('; and ') || 'true';
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
