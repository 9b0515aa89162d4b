/**
 * Where keys come from: the configuration (values or files), the environment, a file of the vendor's own clients, a
 * Kubernetes service account (OIDC) or an ECS instance's role (reference "Credentials").
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment, Secret } from '../../domain/ports/app-port.ts';
import type { Credentials as WhereFrom } from '../../domain/ports/cloud-port.ts';
import { field } from '../../domain/words/mapping.ts';
import { parseJson } from '../json.ts';
import type { Credentials } from '../sign.ts';
import { type KeyNames, keyNames, variablesOf } from './key-names.ts';
import { checked, type KeySource, KeysUnavailable, readSmallFile } from './key-source.ts';
import { askEcsRole, askOidc, oidcVariables } from './temporary.ts';

type Given = Extract<WhereFrom, { kind: 'keys' }>;

const found = {
  env: fromEnvironment,
  oidc: fromOidc,
  ecsRole: fromEcsRole,
  chain: firstSetUp,
} satisfies Record<Exclude<WhereFrom['kind'], 'keys'>, (names: KeyNames, env: Environment) => KeySource>;

export const keySource = (where: WhereFrom, vendor: keyof typeof keyNames, env: Environment): KeySource =>
  where.kind === 'keys' ? fromConfiguration(where) : found[where.kind](keyNames[vendor], env);

/** Looked for where nothing has to be asked over the network. */
function firstSetUp(names: KeyNames, env: Environment): KeySource {
  if (variablesOf(names, env).kind !== 'none') return fromEnvironment(names, env);
  const file = names.file === undefined || !env.HOME ? undefined : join(env.HOME, names.file);
  if (file !== undefined && existsSync(file)) return fromVendorFile(file);
  const oidc = oidcVariables(names.prefix);
  if (oidc.every((name) => env[name])) return fromOidc(names, env);
  const role = fromEcsRole(names, env);
  const roleVariable = `${names.prefix}_ECS_METADATA`;
  if (env[roleVariable]) return role;
  const pairs = names.rows.flatMap(({ ids, secrets }) => [...ids, ...secrets]);
  const looked = [...pairs, ...(file === undefined ? [] : [file]), ...oidc, roleVariable];
  // Nothing points to the instance's role, so that it has none is the end of the chain, and not a fault of the network.
  const noneFound = (cause: unknown) => {
    if (!(cause instanceof KeysUnavailable)) throw cause;
    throw new KeysUnavailable(
      `none found. Looked at ${looked.join(', ')}; ${cause.message}. Set one of them, or write \`credentials:\` in the configuration`,
    );
  };
  return { ...role, read: (ask) => role.read(ask).catch(noneFound) };
}

function fromOidc({ prefix }: KeyNames, env: Environment): KeySource {
  const told = `temporary keys from ${oidcVariables(prefix).join(' and ')}`;
  return { told, read: (ask) => askOidc(prefix, env, ask), files: [], local: false };
}

function fromEcsRole({ prefix }: KeyNames, env: Environment): KeySource {
  const told = "temporary keys from the ECS instance's role";
  return { told, read: (ask) => askEcsRole(prefix, env, ask), files: [], local: false };
}

/** Keys that are had without asking anybody, and that do not expire. */
const atHand = (
  told: string | undefined,
  read: () => Promise<Credentials>,
  files: readonly string[] = [],
): KeySource => ({
  told,
  read: async () => ({ credentials: await read(), expiresAt: undefined }),
  files,
  local: true,
});

/** JSON with `ak` and `sk`. */
function fromVendorFile(file: string): KeySource {
  const read = async () => {
    const raw = parseJson(await readSmallFile(file, 'the file'));
    const text = (name: 'ak' | 'sk') => {
      const value = field(raw, name);
      if (typeof value !== 'string') throw new KeysUnavailable(`the file ${file} has no \`${name}\``);
      return checked(value, `\`${name}\` in ${file}`);
    };
    return { accessKeyId: text('ak'), secretAccessKey: text('sk'), sessionToken: undefined };
  };
  return atHand(`accessKeyId and secretAccessKey from ${file}`, read, [file]);
}

function fromConfiguration(given: Given): KeySource {
  const all = [given.accessKeyId, given.secretAccessKey, given.sessionToken];
  const files = all.flatMap((secret) => (secret?.kind === 'file' ? [secret.path] : []));
  const read = async () => {
    const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
      readSecret(given.accessKeyId, 'accessKeyId'),
      readSecret(given.secretAccessKey, 'secretAccessKey'),
      given.sessionToken ? readSecret(given.sessionToken, 'sessionToken') : undefined,
    ]);
    return { accessKeyId, secretAccessKey, sessionToken };
  };
  return atHand(undefined, read, files);
}

async function readSecret(secret: Secret, name: string): Promise<string> {
  if (secret.kind === 'value') return checked(secret.reveal(), name);
  return checked(await readSmallFile(secret.path, `${name}File`), `${name}File ${secret.path}`);
}

function fromEnvironment(names: KeyNames, env: Environment): KeySource {
  const variables = variablesOf(names, env);
  if (variables.kind !== 'whole') {
    const why = `${variables.missing.join(' and ')} not set in the environment`;
    return atHand(why, () => Promise.reject(new KeysUnavailable(why)));
  }
  const { id, secret, token } = variables;
  const value = (name: string) => checked(env[name] ?? '', `the environment variable ${name}`);
  return atHand(`accessKeyId from ${id}, secretAccessKey from ${secret}`, async () => ({
    accessKeyId: value(id),
    secretAccessKey: value(secret),
    sessionToken: env[token] ? value(token) : undefined,
  }));
}
