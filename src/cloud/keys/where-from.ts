/**
 * Where keys come from: the configuration (values or files), the environment, a file of the vendor's own clients, a
 * Kubernetes service account (OIDC) or an ECS instance's role.
 */
import { join } from 'node:path';
import type { Environment, Secret } from '../../domain/ports/app-port.ts';
import type { Credentials as WhereFrom } from '../../domain/ports/cloud-port.ts';
import { field } from '../../domain/words/mapping.ts';
import { versionOfUserFile } from '../../user-files.ts';
import { parseJson } from '../json.ts';
import type { Credentials } from '../sign.ts';
import { type Vendor, vendors } from '../vendors.ts';
import { checked, type KeySource, KeysUnavailable, readSmallFile } from './key-source.ts';
import { askEcsRole, askOidc, oidcVariables } from './temporary.ts';

type Given = Extract<WhereFrom, { kind: 'keys' }>;

const found = {
  env: fromEnvironment,
  oidc: fromOidc,
  ecsRole: fromEcsRole,
  chain: firstSetUp,
} satisfies Record<Exclude<WhereFrom['kind'], 'keys'>, (vendor: Vendor, env: Environment) => KeySource>;

export const keySource = (where: WhereFrom, vendor: keyof typeof vendors, env: Environment): KeySource =>
  where.kind === 'keys' ? fromConfiguration(where) : found[where.kind](vendors[vendor], env);

/** Variables stay as they are while the process runs; the file can come later, as the message of none tells people to do. */
function firstSetUp(vendor: Vendor, env: Environment): KeySource {
  if (variablesOf(vendor, env).kind !== 'none') return fromEnvironment(vendor, env);
  const file = vendor.keyFile === undefined || !env.HOME ? undefined : join(env.HOME, vendor.keyFile);
  const others = firstOfOthers(vendor, env, file);
  if (file === undefined) return others;
  const its = fromVendorFile(file);
  let latest = others;
  return {
    get origin() {
      return versionOfUserFile(file).then(
        () => its.origin,
        () => others.origin,
      );
    },
    async read(ask) {
      // Without a code its file system did not answer, and nobody knows: the source stays.
      latest = await versionOfUserFile(file).then(
        () => its,
        (error: Error) => ('code' in error ? others : latest),
      );
      return latest.read(ask);
    },
    files: [file],
    local: false,
  };
}

/** Looked for where nothing has to be asked over the network. */
function firstOfOthers(vendor: Vendor, env: Environment, file: string | undefined): KeySource {
  const oidc = oidcVariables(vendor.prefix);
  if (oidc.every((name) => env[name])) return fromOidc(vendor, env);
  const role = fromEcsRole(vendor, env);
  const roleVariable = `${vendor.prefix}_ECS_METADATA`;
  if (env[roleVariable]) return role;
  const pairs = vendor.keys.flatMap(({ ids, secrets }) => [...ids, ...secrets]);
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

function fromOidc({ prefix }: Vendor, env: Environment): KeySource {
  const origin = `temporary keys from ${oidcVariables(prefix).join(' and ')}`;
  return { origin, read: (ask) => askOidc(prefix, env, ask), files: [], local: false };
}

function fromEcsRole({ prefix }: Vendor, env: Environment): KeySource {
  const origin = "temporary keys from the ECS instance's role";
  return { origin, read: (ask) => askEcsRole(prefix, env, ask), files: [], local: false };
}

/** Keys that are had without asking anybody, and that do not expire. */
const atHand = (
  origin: string | undefined,
  read: () => Promise<Credentials>,
  files: readonly string[] = [],
): KeySource => ({
  origin,
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

/** The variables that hold the keys. `missing`: what half a pair lacks, and what the first pair does where none is set. */
function variablesOf({ keys }: Vendor, env: Environment) {
  const set = (names: readonly string[]) => names.find((name) => env[name]);
  const found = keys.map(({ ids, secrets, token }) => ({ id: set(ids), secret: set(secrets), token, ids, secrets }));
  const whole = found.find(({ id, secret }) => id && secret);
  if (whole?.id && whole.secret) {
    return { kind: 'whole', id: whole.id, secret: whole.secret, token: whole.token } as const;
  }
  const half = found.find(({ id, secret }) => id || secret);
  const { ids, secrets, id, secret } = half ?? { ...keys[0], id: undefined, secret: undefined };
  const missing = [...(id ? [] : ids.slice(0, 1)), ...(secret ? [] : secrets.slice(0, 1))];
  return { kind: half ? 'half' : 'none', missing } as const;
}

function fromEnvironment(vendor: Vendor, env: Environment): KeySource {
  const variables = variablesOf(vendor, env);
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
