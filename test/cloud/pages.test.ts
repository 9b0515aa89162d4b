import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPageMemory, type PageMemory } from '../../src/cloud/list/known-pages.ts';
import { createHostMemory } from '../../src/cloud/task-hosts.ts';
import { createGroupNames, type PageContext, parseEnvelope, parsePage } from '../../src/cloud/wire.ts';
import { seenAt, type TaskItem } from '../../src/domain/words/task.ts';
import { envelope, rawTask } from './fixtures.ts';

const contextAt = (requestedAt: number, more: Partial<PageContext> = {}): PageContext => ({
  requestedAt,
  onlyGroup: undefined,
  fingerprintKey: 'k',
  intern: (text) => text,
  secrets: [],
  groupNames: createGroupNames('k'),
  hosts: createHostMemory(),
  known: () => undefined,
  ...more,
});

const nobody = () => undefined;

let requests = 0;
/** As the cloud answers: the id of the request differs each time. */
const answer = (tasks: readonly unknown[], total = tasks.length) => {
  const { ResponseMetadata } = envelope();
  const Result = { List: tasks, Pagination: { TotalCount: total } };
  return Buffer.from(
    JSON.stringify({ ResponseMetadata: { ...ResponseMetadata, RequestId: `r${requests++}` }, Result }),
  );
};

/** The page, or what else the answer was: the result of a failed call is nobody's. */
function read(memory: PageMemory, body: Buffer, context: PageContext, request = 'page 1') {
  const reader = memory.readerOf(request);
  const read = reader.envelope(body);
  if (read.kind !== 'parsed') return read;
  return read.error ? { error: read.error, requestId: read.requestId } : reader.page(read.result, context);
}

/** Items bear the time at which they were first shown so: a page has its own. */
const atItsTime = (page: ReturnType<typeof read>) =>
  page && 'entries' in page
    ? { ...page, entries: page.entries.map((one) => ('malformed' in one ? one : seenAt(one, page.requestedAt))) }
    : page;

/** How many items were parsed: each of them asks for the one copy of its status. */
function counting(requestedAt: number, more: Partial<PageContext> = {}) {
  const seen = { items: 0 };
  const intern = (text: string) => {
    if (text === '停用' || text === '生效中') seen.items++;
    return text;
  };
  return { seen, context: contextAt(requestedAt, { intern, ...more }) };
}

describe('a page that comes again as it was', () => {
  const tasks = [rawTask('t1'), rawTask('t2', { Status: '生效中' }), { TaskId: 17 }];

  test('shows the same at its own time, and is not parsed', () => {
    const memory = createPageMemory();
    memory.turn(nobody);
    const first = read(memory, answer(tasks), contextAt(1_000));
    memory.turn(nobody);
    const { seen, context } = counting(2_000);
    const second = read(memory, answer(tasks), context);
    expect(seen.items).toBe(0);
    expect(first).toMatchObject({ requestedAt: 1_000, totalCount: 3, entries: [{ requestedAt: 1_000 }, {}, {}] });
    expect(atItsTime(second)).toEqual(read(createPageMemory(), answer(tasks), contextAt(2_000)));
  });

  test('gives the very items of before, and those of another ledger once there is one', () => {
    const memory = createPageMemory();
    const entriesAt = (requestedAt: number, known: PageContext['known'] = nobody) => {
      memory.turn(known);
      const page = read(memory, answer(tasks), contextAt(requestedAt, { known }));
      return page && 'entries' in page ? page.entries : [];
    };
    const before = entriesAt(1_000);
    expect(before).toHaveLength(3);
    for (const [place, entry] of entriesAt(2_000).entries()) expect(entry).toBe(before[place]);
    const known = new Map<string, TaskItem>();
    const page = parsePage(parsed(answer(tasks)), contextAt(500));
    for (const entry of page?.entries ?? []) if (!('malformed' in entry)) known.set(entry.taskId, entry);
    const [first, second] = entriesAt(3_000, (id) => (id === 't2' ? known.get(id) : undefined));
    expect(first).toMatchObject({ taskId: 't1', requestedAt: 3_000 });
    expect(second).toBe(known.get('t2'));
  });

  test('is parsed if a letter of it differs, if another page was asked for, and after two polls without it', () => {
    const parsedItems = (memory: PageMemory, body: Buffer, request?: string) => {
      const { seen, context } = counting(2_000);
      read(memory, body, context, request);
      return seen.items;
    };
    const memory = createPageMemory();
    memory.turn(nobody);
    expect(parsedItems(memory, answer(tasks))).toBe(2);
    expect(parsedItems(memory, answer(tasks))).toBe(0);
    expect(parsedItems(memory, answer([rawTask('t1'), rawTask('t2', { Status: '停用' })]))).toBe(2);
    expect(parsedItems(memory, answer(tasks), 'page 2')).toBe(2);
    memory.turn(nobody);
    expect(parsedItems(memory, answer(tasks), 'page 2')).toBe(0);
    memory.turn(nobody);
    memory.turn(nobody);
    expect(parsedItems(memory, answer(tasks), 'page 2')).toBe(2);
  });

  test('is read anew wherever in a long page one letter differs', () => {
    const many = (changed?: number) =>
      Array.from({ length: 500 }, (_, n) => rawTask(`t${n}`, { Status: n === changed ? '停用' : '生效中' }));
    expect(answer(many()).length).toBeGreaterThan(100_000);
    for (const changed of [0, 9, 60, 250, 499]) {
      const memory = createPageMemory();
      memory.turn(nobody);
      read(memory, answer(many()), contextAt(1_000));
      memory.turn(nobody);
      const page = read(memory, answer(many(changed)), contextAt(2_000));
      expect(page && 'entries' in page && page.entries[changed]).toMatchObject({
        taskId: `t${changed}`,
        status: 'stopped',
      });
    }
  });

  test('leaves its tasks their numbers as long as not most of them are gone', () => {
    const memory = createPageMemory();
    const numbersAfter = (...titles: readonly string[]) => {
      read(memory, answer(titles.map((title) => rawTask(title))), contextAt(1_000));
      for (const title of titles) memory.numbers().of(title);
      memory.turn(nobody);
      return memory.numbers();
    };
    const first = numbersAfter('t1', 't2', 't3', 't4', 't5');
    expect(numbersAfter('t1', 't2', 't3', 't4', 't6')).toBe(first);
    const anew = numbersAfter('t7');
    expect(anew).not.toBe(first);
    expect(anew.size()).toBe(0);
  });

  test('is no page if its metadata says that the call failed', () => {
    const memory = createPageMemory();
    read(memory, answer(tasks), contextAt(1_000));
    const failed = Buffer.from(
      answer(tasks).toString().replace('{"RequestId"', '{"Error":{"Code":"CommonErr"},"RequestId"'),
    );
    expect(read(memory, failed, contextAt(2_000))).toMatchObject({ error: { code: 'CommonErr' } });
  });
});

const parsed = (body: Buffer) => {
  const read = parseEnvelope(body);
  return read.kind === 'parsed' ? read.result : undefined;
};

test('whatever the answers are and in whatever order they come, they are read as if nothing were remembered', () => {
  const name = fc.constantFrom('t1', 't2', 't3', '"Result":');
  const item = fc.oneof(
    fc
      .record({ id: name, Status: fc.constantFrom('停用', '生效中'), Title: name })
      .map(({ id, ...rest }) => rawTask(id, rest)),
    fc.constant({ TaskId: 17 }),
  );
  const metadata = fc.record(
    { RequestId: fc.oneof(fc.string(), name), Result: fc.constant(1), Error: fc.constant({ Code: 'CommonErr' }) },
    { requiredKeys: ['RequestId'] },
  );
  const result = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ List: fc.array(item, { maxLength: 2 }), Pagination: fc.constant({ TotalCount: 2 }) }),
    },
    fc.constantFrom(null, 1, {}),
  );
  const text = fc
    .tuple(metadata, result, fc.constantFrom('usual', 'result first', 'more after it', 'spaced', 'cut'))
    .map(([ResponseMetadata, Result, form]) => {
      if (form === 'result first') return JSON.stringify({ Result, ResponseMetadata });
      if (form === 'more after it') return JSON.stringify({ ResponseMetadata, Result, More: { Result: 2 } });
      if (form === 'spaced') return JSON.stringify({ ResponseMetadata, Result }, undefined, 1);
      const usual = JSON.stringify({ ResponseMetadata, Result });
      return form === 'cut' ? usual.slice(0, -1) : usual;
    });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.boolean()), { minLength: 2, maxLength: 12 }), (answers) => {
      const memory = createPageMemory();
      memory.turn(nobody);
      for (const [at, [said, turn]] of answers.entries()) {
        if (turn) memory.turn(nobody);
        const remembered = read(memory, Buffer.from(said), contextAt(at));
        expect(atItsTime(remembered)).toEqual(read(createPageMemory(), Buffer.from(said), contextAt(at)));
      }
    }),
    { numRuns: 2_000 },
  );
});
