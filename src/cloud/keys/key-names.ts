/**
 * Where the vendors' own SDKs look for keys: names of environment variables in their order, and a file (reference,
 * "Credentials"). A name list is read first to last; an id and a secret of one row belong together.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../domain/ports/app-port.ts';

interface Row {
  readonly ids: readonly string[];
  readonly secrets: readonly string[];
  readonly token: string;
}

export interface KeyNames {
  readonly rows: readonly [Row, ...(readonly Row[])];
  /** Of the variables for OIDC and for the ECS instance's role. */
  readonly prefix: 'VOLCENGINE' | 'BYTEPLUS';
  /** Below the home directory: JSON with `ak` and `sk`. */
  readonly file: string | undefined;
}

export const keyNames = {
  volcengine: {
    rows: [
      { ids: ['VOLCENGINE_ACCESS_KEY'], secrets: ['VOLCENGINE_SECRET_KEY'], token: 'VOLCENGINE_SESSION_TOKEN' },
      {
        ids: ['VOLCSTACK_ACCESS_KEY_ID'],
        secrets: ['VOLCSTACK_SECRET_ACCESS_KEY'],
        token: 'VOLCSTACK_SESSION_TOKEN',
      },
      { ids: ['VOLCSTACK_ACCESS_KEY'], secrets: ['VOLCSTACK_SECRET_KEY'], token: 'VOLCSTACK_SESSION_TOKEN' },
      { ids: ['VOLC_ACCESSKEY'], secrets: ['VOLC_SECRETKEY'], token: 'VOLC_SESSION_TOKEN' },
    ],
    prefix: 'VOLCENGINE',
    file: '.volc/config',
  },
  byteplus: {
    rows: [
      {
        ids: ['BYTEPLUS_ACCESS_KEY', 'BYTEPLUS_ACCESS_KEY_ID'],
        secrets: ['BYTEPLUS_SECRET_KEY', 'BYTEPLUS_SECRET_ACCESS_KEY'],
        token: 'BYTEPLUS_SESSION_TOKEN',
      },
      { ids: ['BYTEPLUS_ACCESSKEY'], secrets: ['BYTEPLUS_SECRETKEY'], token: 'BYTEPLUS_SESSION_TOKEN' },
    ],
    prefix: 'BYTEPLUS',
    file: undefined,
  },
} as const satisfies Record<string, KeyNames>;

/** The variables that hold the keys; undefined: none is set. `missing` tells what half a pair lacks. */
export function variablesOf({ rows }: KeyNames, env: Environment) {
  const set = (names: readonly string[]) => names.find((name) => env[name]);
  const found = rows.map(({ ids, secrets, token }) => ({ id: set(ids), secret: set(secrets), token, ids, secrets }));
  const whole = found.find(({ id, secret }) => id && secret);
  if (whole?.id && whole.secret) {
    return { kind: 'whole', id: whole.id, secret: whole.secret, token: whole.token } as const;
  }
  const half = found.find(({ id, secret }) => id || secret);
  const [first] = rows;
  const { ids, secrets, id, secret } = half ?? { ...first, id: undefined, secret: undefined };
  const missing = [...(id ? [] : ids.slice(0, 1)), ...(secret ? [] : secrets.slice(0, 1))];
  return { kind: half ? 'half' : 'none', missing } as const;
}

export function keyFile({ file }: KeyNames, env: Environment): string | undefined {
  return file === undefined || !env.HOME ? undefined : join(env.HOME, file);
}

/** Where an account's keys come from, in words; undefined where the configuration gives them, or none are needed. */
export function keysToldFrom(kind: string, vendor: keyof typeof keyNames, env: Environment): string | undefined {
  const names = keyNames[vendor];
  switch (kind) {
    case 'env':
      return toldOf(variablesOf(names, env));
    case 'chain':
      return firstInChain(names, env).told;
    case 'oidc':
      return `temporary keys from ${names.prefix}_OIDC_ROLE_TRN and ${names.prefix}_OIDC_TOKEN_FILE`;
    case 'ecsRole':
      return askedRole;
    default:
      return undefined;
  }
}

const toldOf = (variables: ReturnType<typeof variablesOf>): string =>
  variables.kind === 'whole'
    ? `accessKeyId from ${variables.id}, secretAccessKey from ${variables.secret}`
    : `${variables.missing.join(' and ')} not set in the environment`;

const askedRole = "temporary keys from the ECS instance's role";

/** What a chain finds first, and how to say so; looked for where nothing has to be asked over the network. */
export function firstInChain(names: KeyNames, env: Environment) {
  const variables = variablesOf(names, env);
  if (variables.kind !== 'none') return { kind: 'env', told: toldOf(variables) } as const;
  const file = keyFile(names, env);
  if (file !== undefined && existsSync(file)) {
    return { kind: 'file', file, told: `accessKeyId and secretAccessKey from ${file}` } as const;
  }
  const oidc = [`${names.prefix}_OIDC_ROLE_TRN`, `${names.prefix}_OIDC_TOKEN_FILE`];
  if (oidc.every((name) => env[name]))
    return { kind: 'oidc', told: `temporary keys from ${oidc.join(' and ')}` } as const;
  const looked = [
    ...names.rows.flatMap(({ ids, secrets }) => [...ids, ...secrets]),
    ...(file === undefined ? [] : [file]),
    ...oidc,
    `${names.prefix}_ECS_METADATA`,
  ];
  return { kind: 'ecsRole', looked, told: askedRole } as const;
}
