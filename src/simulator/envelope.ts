/**
 * The vendor's envelope and its error table: which HTTP status, number and sentence belong to a code. The sentences
 * are the simulator's own.
 */
import type { Headers } from './exchange.ts';
import { hex, type Random } from './random.ts';

interface ErrorRow {
  readonly status: number;
  readonly codeN?: number;
  readonly message: string;
}

const row = (status: number, message: string, codeN?: number): ErrorRow => ({ status, message, codeN });

/** Both tables of the vendor's documentation: RestartPullToPushTask's own, and the one common to every action. */
export const errorTable = {
  CommonErr: row(200, 'something went wrong, please retry'),
  InvalidParam: row(400, 'a parameter is invalid or does not meet the requirements'),
  'InvalidParam.BindError': row(400, 'request parameter error, please check input data'),
  RequestForbidden: row(403, 'the account has no such resource'),
  'RequestForbidden.AccountIDNotAllow': row(403, 'the account may not touch this resource'),
  'RequestForbidden.BillingStatus': row(403, 'the live product is not activated or the account is in arrears'),
  ResourceNotFound: row(404, 'the resource was not found'),
  RequestLimitExceeded: row(429, 'the number of resources exceeds the quota'),
  'InternalServiceError.BadResponse': row(502, 'an internal service answered badly'),
  MissingParameter: row(400, 'a required parameter is missing', 100002),
  MissingAuthenticationToken: row(401, 'the request has no authentication token', 100003),
  MissingRequestInfo: row(400, 'the request lacks information that it must carry', 100004),
  MissingSignature: row(401, 'the request has no signature', 100005),
  InvalidTimestamp: row(400, 'the time of the request is missing, malformed or too far from ours', 100006),
  ServiceNotFound: row(404, 'no such service', 100007),
  InvalidActionOrVersion: row(404, 'no such action in this version', 100008),
  InvalidAccessKey: row(401, 'the access key does not exist', 100009),
  SignatureDoesNotMatch: row(401, 'the signature we calculated is not the one you sent', 100010),
  LackPolicy: row(403, 'no policy allows this', 100012),
  AccessDenied: row(403, 'access denied', 100013),
  InternalError: row(500, 'internal error', 100014),
  InternalServiceError: row(502, 'internal service error'),
  InternalServiceTimeout: row(504, 'an internal service did not answer in time', 100016),
  FlowLimitExceeded: row(429, 'too many requests for this action', 100018),
  ServiceUnavailableTemp: row(503, 'temporarily unavailable', 100019),
  MethodNotAllowed: row(405, 'this action does not take this HTTP method'),
  InvalidAuthorization: row(400, 'the Authorization header cannot be read'),
  InvalidCredential: row(400, 'the credential scope does not fit the request'),
  InvalidSecretToken: row(401, 'the security token is missing, wrong or expired'),
  LackProjectPolicy: row(403, 'no policy of the project allows this'),
  AccountFlowLimitExceeded: row(429, 'too many requests of this account', 100027),
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type KnownCode = keyof typeof errorTable;

/** What a call came to. A code outside the table (a fault may invent one) goes out with HTTP 400. */
export type Outcome =
  | { readonly kind: 'done'; readonly result: Result | undefined }
  | { readonly kind: 'failed'; readonly code: string; readonly status?: number; readonly message?: string };

/** The items of a list are kept as their texts: few change from one list to the next. */
export type Result =
  | { readonly kind: 'plain'; readonly value: unknown }
  | { readonly kind: 'list'; readonly items: readonly string[]; readonly pagination: object };

export const failed = (code: KnownCode, message?: string): Outcome => ({ kind: 'failed', code, message });

const rowOf = (code: string): ErrorRow | undefined => (errorTable as Readonly<Record<string, ErrorRow>>)[code];

export function statusOf(outcome: Outcome): number {
  return outcome.kind === 'done' ? 200 : (outcome.status ?? rowOf(outcome.code)?.status ?? 400);
}

/** Who asked what, as the envelope repeats it. */
export interface Addressed {
  readonly action: string;
  readonly version: string;
  readonly region: string;
}

/** Like 20211231152846010225099008082A0F4D: the cloud's time, then twenty hexadecimal digits. */
export function requestId(cloudNow: number, random: Random): string {
  const time = new Date(cloudNow).toISOString().replace(/\D/g, '').slice(0, 14);
  return time + hex(random, 20).toUpperCase();
}

export const jsonHeaders = (cloudNow: number): Headers => ({
  'content-type': 'application/json; charset=utf-8',
  date: new Date(cloudNow).toUTCString(),
});

export function bodyText(outcome: Outcome, { action, version, region }: Addressed, id: string): string {
  const metadata = { RequestId: id, Action: action, Version: version, Service: 'live', Region: region };
  if (outcome.kind === 'failed') {
    const known = rowOf(outcome.code);
    const error = { Code: outcome.code, CodeN: known?.codeN, Message: outcome.message ?? known?.message ?? 'failed' };
    return JSON.stringify({ ResponseMetadata: { ...metadata, Error: error } });
  }
  const { result } = outcome;
  if (result?.kind !== 'list') return JSON.stringify({ ResponseMetadata: metadata, Result: result?.value });
  const list = `{"List":[${result.items.join(',')}],"Pagination":${JSON.stringify(result.pagination)}}`;
  return `{"ResponseMetadata":${JSON.stringify(metadata)},"Result":${list}}`;
}
