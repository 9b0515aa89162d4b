/** `${NAME}`, `${NAME:-default}` and `$$` in the texts of the configuration, after YAML has been read. */
import type { Environment } from '../domain/ports/app-port.ts';

/** Where in the text something cannot be filled in: offset and length there. */
interface Unfilled {
  readonly at: number;
  readonly length: number;
  readonly wrong: string;
}

const reference = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

/** One whole reference that stands alone: showing it shows no secret. */
export const lonelyReference = /^(["']?)\$\{[A-Za-z_][A-Za-z0-9_]*\}\1$/;

/**
 * Fills in the variables of one text. As in a shell, the default is taken when the variable is unset or empty;
 * `$$` is one dollar sign; a dollar sign before anything but `{` stays.
 */
export function interpolate(text: string, env: Environment) {
  const names: string[] = [];
  const unfilled: Unfilled[] = [];
  const filled = text.replace(
    reference,
    (whole: string, name: string | undefined, byDefault: string | undefined, at: number) => {
      if (whole === '$$') return '$';
      if (name === undefined) {
        const wrong = `\`$\{\` is not closed: write \`$\{NAME}\`, or \`$$\{\` for a dollar sign and a brace`;
        unfilled.push({ at, length: 2, wrong });
        return '';
      }
      names.push(name);
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (byDefault !== undefined) return value || byDefault;
      if (value !== undefined) return value;
      const wrong = `the environment has no variable ${name}: set it, or give a default with \`\${${name}:-…}\``;
      unfilled.push({ at, length: whole.length, wrong });
      return '';
    },
  );
  return { text: filled, names, unfilled };
}
