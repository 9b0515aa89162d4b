/**
 * Where keys come from: the configuration (values or files), the environment, a file of the vendor's own clients, a
 * Kubernetes service account (OIDC) or an ECS instance's role (reference "Credentials").
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../domain/ports/app-port.ts';
import { field } from '../../domain/words/mapping.ts';
import { parseJson } from '../json.ts';
import type { Credentials } from '../sign.ts';
import { type KeyNames, keyNames, variablesOf } from './key-names.ts';
import { checked, type KeySource, KeysUnavailable, readSmallFile } from './key-source.ts';
import { askEcsRole, askOidc } from './temporary.ts';

export type Secret = { readonly value: string } | { readonly file: string };

export type CredentialsOptions =
  | {
      readonly from: 'static';
      readonly accessKeyId: Secret;
      readonly secretAccessKey: Secret;
      readonly sessionToken?: Secret;
    }
  | { readonly from: keyof typeof found };

/** `chain`: the first of the others that is set up. */
const found = { env: fromEnvironment, oidc: fromOidc, ecsRole: fromEcsRole, chain: firstSetUp };

export const keySource = (given: CredentialsOptions, vendor: keyof typeof keyNames, env: Environment): KeySource =>
  given.from === 'static' ? fromConfiguration(given) : found[given.from](keyNames[vendor], env);

/** In words; undefined where the configuration gives them (`keys`), or none are needed. */
export const keysToldFrom = (
  kind: 'keys' | 'none' | keyof typeof found,
  vendor: keyof typeof keyNames,
  env: Environment,
): string | undefined => (kind === 'keys' || kind === 'none' ? undefined : found[kind](keyNames[vendor], env).told);

/** Looked for where nothing has to be asked over the network. */
function firstSetUp(names: KeyNames, env: Environment): KeySource {
  if (variablesOf(names, env).kind !== 'none') return fromEnvironment(names, env);
  const file = names.file === undefined || !env.HOME ? undefined : join(env.HOME, names.file);
  if (file !== undefined && existsSync(file)) return fromVendorFile(file);
  const oidc = oidcVariables(names);
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

const oidcVariables = ({ prefix }: KeyNames) => [`${prefix}_OIDC_ROLE_TRN`, `${prefix}_OIDC_TOKEN_FILE`] as const;

function fromOidc(names: KeyNames, env: Environment): KeySource {
  const told = `temporary keys from ${oidcVariables(names).join(' and ')}`;
  return { told, read: (ask) => askOidc(names.prefix, env, ask), files: [], local: false };
}

function fromEcsRole({ prefix }: KeyNames, env: Environment): KeySource {
  const told = "temporary keys from the ECS instance's role";
  return { told, read: (ask) => askEcsRole(prefix, env, ask), files: [], local: false };
}

/** Keys that are had without asking anybody, and that do not expire. */
const atHand = (told: string, read: () => Promise<Credentials>, files: readonly string[] = []): KeySource => ({
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

function fromConfiguration(given: Extract<CredentialsOptions, { from: 'static' }>): KeySource {
  const all = [given.accessKeyId, given.secretAccessKey, given.sessionToken];
  const files = all.flatMap((secret) => (secret && 'file' in secret ? [secret.file] : []));
  const read = async () => {
    const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
      readSecret(given.accessKeyId, 'accessKeyId'),
      readSecret(given.secretAccessKey, 'secretAccessKey'),
      given.sessionToken ? readSecret(given.sessionToken, 'sessionToken') : undefined,
    ]);
    return { accessKeyId, secretAccessKey, sessionToken };
  };
  return atHand('the configuration', read, files);
}

async function readSecret(secret: Secret, name: string): Promise<string> {
  if ('value' in secret) return checked(secret.value, name);
  return checked(await readSmallFile(secret.file, `${name}File`), `${name}File ${secret.file}`);
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
