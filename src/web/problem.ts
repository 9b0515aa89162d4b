/**
 * What can be wrong, in the two places where somebody reads it: at start (the daemon cannot listen) and in an answer
 * (a problem as RFC 9457 has it, with a code that stays and a hint).
 */

import type { Sentences } from '../domain/words/reason.ts';

/** The daemon cannot listen as configured. The message is one line for the terminal and ends the start. */
export class WebProblem extends Error {
  /** Another process has the port or the socket. */
  readonly taken: boolean;
  constructor(message: string, { taken = false } = {}) {
    super(message);
    this.name = 'WebProblem';
    this.taken = taken;
  }
}

/** Programs may rely on the codes; the words beside them are for people. */
export const problems = {
  'bad-request': { status: 400, title: 'The request is wrong', chinese: '请求有误' },
  'bad-configuration': { status: 400, title: 'The configuration has errors', chinese: '配置有错误' },
  'no-token': { status: 401, title: 'A token is needed', chinese: '需要令牌' },
  'unknown-token': { status: 401, title: 'The token is not known', chinese: '没有这个令牌' },
  'no-tokens-configured': { status: 403, title: 'Nobody can change anything here', chinese: '这里没有人能更改' },
  'scope-too-small': { status: 403, title: 'The token may not do this', chinese: '令牌的权限不够' },
  'foreign-host': { status: 403, title: 'Not served under this host name', chinese: '不用这个主机名提供服务' },
  'foreign-origin': { status: 403, title: 'Not sent from this page', chinese: '不是从本页面发出的' },
  'no-such-address': { status: 404, title: 'There is nothing at this address', chinese: '这个地址没有内容' },
  'not-found': { status: 404, title: 'There is no such thing', chinese: '没有找到' },
  'wrong-method': { status: 405, title: 'Not possible at this address', chinese: '这个地址不能这样用' },
  refused: { status: 409, title: 'Refused', chinese: '被拒绝' },
  'too-large': { status: 413, title: 'The body is too large', chinese: '内容太大' },
  'wrong-type': { status: 415, title: 'The body is of a wrong type', chinese: '内容类型不对' },
  failed: { status: 500, title: 'relaykeeper failed', chinese: 'relaykeeper 出错了' },
  unavailable: { status: 503, title: 'Not now', chinese: '现在不行' },
  busy: { status: 503, title: 'Too many requests are in progress', chinese: '请求太多' },
} as const satisfies Readonly<
  Record<string, { readonly status: number; readonly title: string; readonly chinese: string }>
>;

type ProblemCode = keyof typeof problems;
export const problemCodes = Object.keys(problems) as readonly ProblemCode[];

/** What to do next, where a denial does not say it: for programs and the command line, because the page has buttons. */
const hints: Readonly<Partial<Record<ProblemCode, string>>> = {
  'no-such-address': 'GET /api/v1/openapi.json lists what there is.',
  'not-found': 'See what there is: relaykeeper tasks, or GET /api/v1/tasks.',
  refused: 'See every rule for the task: relaykeeper explain TASK.',
  'bad-request': 'GET /api/v1/openapi.json says what is expected.',
  unavailable: 'Try again in a few seconds; relaykeeper status shows what is down.',
};

/** A request that is not answered as asked. */
export class Denial extends Error {
  readonly code: ProblemCode;
  readonly said: Sentences;
  /** What to do next, for the page. */
  readonly advice: Sentences | undefined;
  /** The same for everybody else. */
  readonly hint: string;
  constructor(code: ProblemCode, said: Sentences, advice?: Sentences, hint = advice?.[0] ?? hints[code] ?? '') {
    super(said[0]);
    this.name = 'Denial';
    this.code = code;
    this.said = said;
    this.advice = advice;
    this.hint = hint;
  }
  get status() {
    return problems[this.code].status;
  }
}

export const noSuchAddress = (): Denial =>
  new Denial('no-such-address', ['there is nothing at this address', '这个地址没有内容']);

export const problemType = 'application/problem+json; charset=utf-8';

/** As it is answered. */
export const problemOf = ({ code, message, hint }: Pick<Denial, 'code' | 'message' | 'hint'>) => ({
  type: `urn:relaykeeper:problem:${code}`,
  title: problems[code].title,
  status: problems[code].status,
  code,
  detail: message,
  hint,
});

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
