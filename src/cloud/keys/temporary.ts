/**
 * Temporary keys: how a Kubernetes service account's token (OIDC, exchanged at STS) and an ECS instance's role
 * (metadata service v2) are turned into keys. Names, paths and the shape of the STS exchange (an unsigned form, the
 * answer's `Result.Credentials`) are those of the official Go and Python SDKs.
 */

import type { Environment } from '../../domain/ports/app-port.ts';
import { field } from '../../domain/words/mapping.ts';
import { whyClass } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { HttpOutcome } from '../transport.ts';
import type { Vendor } from '../vendors.ts';
import { parseEnvelope } from '../wire.ts';
import { type AskForKeys, checked, KeysUnavailable, type ReadKeys, readSmallFile } from './key-source.ts';

type Prefix = Vendor['prefix'];

export const ecsMetadataOrigin = 'http://100.96.0.96';
const ecsTokenLifeSeconds = '21600';
const keyLifeSeconds = '3600';
const rolesPath = '/volcstack/latest/iam/security_credentials';

/** Without these two there is nothing to ask for. */
export const oidcVariables = (prefix: Prefix) => [`${prefix}_OIDC_ROLE_TRN`, `${prefix}_OIDC_TOKEN_FILE`] as const;

/** Rejects with KeysUnavailable. */
export async function askOidc(prefix: Prefix, env: Environment, ask: AskForKeys): Promise<ReadKeys> {
  const name = (end: string) => `${prefix}_OIDC_${end}`;
  const [role, file] = oidcVariables(prefix).map((variable) => env[variable]);
  if (!role || !file) {
    const missing = oidcVariables(prefix).filter((variable) => !env[variable]);
    throw new KeysUnavailable(`oidc: ${missing.join(' and ')} not set in the environment`);
  }
  const token = checked(await readSmallFile(file, `oidc: ${name('TOKEN_FILE')}`), `oidc: the token in ${file}`);
  const form = new URLSearchParams({
    RoleTrn: role,
    OIDCToken: token,
    RoleSessionName: env[name('ROLE_SESSION_NAME')] || 'relaykeeper',
    DurationSeconds: keyLifeSeconds,
  });
  const policy = env[name('ROLE_POLICY')];
  if (policy) form.set('Policy', policy);

  const origin = originOf(env[name('STS_ENDPOINT')] || ask.stsEndpoint, name('STS_ENDPOINT'));
  const outcome = await ask.send({
    origin,
    method: 'POST',
    path: '/?Action=AssumeRoleWithOIDC&Version=2018-01-01',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form.toString(),
  });
  const { status, body } = answered(outcome, `oidc: STS at ${origin}`);
  const envelope = parseEnvelope(body);
  const code = envelope.kind === 'parsed' ? envelope.error?.code : undefined;
  const failed = envelope.kind !== 'parsed' || envelope.error !== undefined || status !== 200;
  if (failed) throw refused(`oidc: STS at ${origin} answered ${code ?? 'no keys'} (HTTP ${status})`, status);
  return keysFrom(field(envelope.result, 'Credentials'), 'Expiration', `oidc: STS at ${origin}`);
}

/** Keys of the role that a variable names, else of the first that the metadata service lists. Rejects with KeysUnavailable. */
export async function askEcsRole(prefix: Prefix, env: Environment, ask: AskForKeys): Promise<ReadKeys> {
  if (env[`${prefix}_ECS_METADATA_DISABLED`]?.toLowerCase() === 'true') {
    throw new KeysUnavailable(`ecsRole: switched off by ${prefix}_ECS_METADATA_DISABLED=true`);
  }
  const origin = ask.metadataOrigin;
  const where = `ecsRole: the metadata service at ${origin}`;
  const request = async (method: 'GET' | 'PUT', path: string, headers: Readonly<Record<string, string>>) =>
    answered(await ask.send({ origin, method, path, headers, body: '' }), where);

  const ttl = { 'X-volc-ecs-metadata-token-ttl-seconds': ecsTokenLifeSeconds };
  const token = await request('PUT', '/latest/api/token', ttl);
  if (token.status !== 200) throw refused(`${where} gave no token (HTTP ${token.status})`, token.status);
  const withToken = { 'X-volc-ecs-metadata-token': checked(token.body, `${where}: its token`) };

  let role = env[`${prefix}_ECS_METADATA`];
  if (!role) {
    const roles = await request('GET', `${rolesPath}?type=user&format=json`, withToken);
    const listed = roles.status === 200 ? parseJson(roles.body) : undefined;
    const [first]: readonly unknown[] = Array.isArray(listed) ? listed : [];
    if (typeof first !== 'string' || first === '') {
      throw refused(`${where} lists no role of this instance (HTTP ${roles.status})`, roles.status);
    }
    role = checked(first, `${where}: the name of its role`);
  }
  const keys = await request('GET', `${rolesPath}/${encodeURIComponent(role)}`, withToken);
  if (keys.status !== 200) throw refused(`${where} has no keys for role ${role} (HTTP ${keys.status})`, keys.status);
  return keysFrom(parseJson(keys.body), 'ExpiredTime', where);
}

function keysFrom(raw: unknown, expiryName: string, where: string): ReadKeys {
  const text = (name: string): string => {
    const value = field(raw, name);
    if (typeof value !== 'string') throw new KeysUnavailable(`${where}: its answer has no ${name}`);
    return value;
  };
  const expiresAt = Date.parse(text(expiryName));
  if (Number.isNaN(expiresAt)) throw new KeysUnavailable(`${where}: ${expiryName} in its answer is not a time`);
  return {
    credentials: {
      accessKeyId: checked(text('AccessKeyId'), `${where}: AccessKeyId`),
      secretAccessKey: checked(text('SecretAccessKey'), `${where}: SecretAccessKey`),
      sessionToken: checked(text('SessionToken'), `${where}: SessionToken`),
    },
    expiresAt,
  };
}

function answered(outcome: HttpOutcome, where: string): { readonly status: number; readonly body: string } {
  switch (outcome.kind) {
    case 'response':
      return { status: outcome.status, body: outcome.body.toString() };
    case 'too-large':
      throw new KeysUnavailable(`${where} sent an answer that is too long`);
    case 'lost':
    case 'never-left':
      throw new KeysUnavailable(`${where}: no answer (${outcome.why})`, whyClass(outcome.why));
    case 'aborted':
      throw new KeysUnavailable(`${where}: given up`, 'network');
    default:
      return outcome satisfies never;
  }
}

/** A server that fails is no refusal: the network's class lets the call be tried again. */
const refused = (why: string, status: number): KeysUnavailable =>
  new KeysUnavailable(why, status >= 500 || status === 429 ? 'network' : 'auth');

const originOf = (endpoint: string, variable: string): string => {
  try {
    return new URL(endpoint.includes('://') ? endpoint : `https://${endpoint}`).origin;
  } catch {
    throw new KeysUnavailable(`oidc: ${variable} is neither a host nor a URL`);
  }
};
