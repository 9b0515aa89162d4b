/**
 * One list of tasks, page by page: the first page says how many there are, the others follow concurrently under the
 * gate, pages that are too large are asked for again in halves, and pages that do not fit together are reported as drift.
 *
 * What the cloud promises only ends a list, it never makes one longer: an empty page ends it, and so do three pages in
 * a row that show no task for the first time; no more pages are asked for at once than tasks were received by. A page
 * shorter than asked with more promised is read on from its real size.
 *
 * Each page is turned into items as it arrives; the answer's text is not kept.
 */
import type { KnownItem } from '../../domain/ports/cloud-port.ts';
import type { Lane } from '../../domain/ports/gate-port.ts';
import type { CallFailure } from '../../domain/words/failure.ts';
import type { TaskItem } from '../../domain/words/task.ts';
import { type CallContext, secretsOf } from '../call.ts';
import { read } from '../read.ts';
import { listBody, type Page, type PageContext } from '../wire.ts';
import type { PageMemory } from './known-pages.ts';
import { createSights, type Sights } from './sights.ts';

export interface ListContext
  extends CallContext,
    Pick<PageContext, 'fingerprintKey' | 'intern' | 'groupNames' | 'hosts'> {
  readonly pageSizes: ReturnType<typeof createPageSizes>;
  readonly pages: PageMemory;
}

export interface ListRead {
  readonly kind: 'ok';
  readonly sights: Sights;
  readonly drift: boolean;
  readonly malformedItems: number;
}
type ListEnd = ListRead | { readonly kind: 'failed'; readonly failure: CallFailure };

/** Of one list. With the limiter's ten permits a second more would not make it faster unless answers take over 4 s. */
const pagesAtOnce = 8;
/** Pages beyond are not read: the list counts as drifting, so that absence says nothing. */
const longestList = 2_000;
/** After this many pages in a row without anything new the server is taken not to keep to pages. */
export const barrenPages = 3;
/** A page that is shorter than asked by less than this share may lack a few tasks; its size is not remembered. */
const sizeClearlySmaller = 0.9;
/** After this many single items over the bound, without an answer that says how many there are, this is no list. */
const hopelessItems = 3;

const nothingGathered = (sights: Sights) => ({
  sights,
  totalCount: undefined as number | undefined,
  drift: false,
  malformedItems: 0,
  /** Single items that were over the bound. */
  oversized: 0,
  calls: 0,
  /** The end of the list was seen here, whatever was promised. */
  endsAt: Number.POSITIVE_INFINITY,
  /** Pages in a row that showed no task for the first time. */
  barren: 0,
  /** The size of the first page, if it was shorter than asked with more to come: the server gives no more. */
  servedSize: undefined as number | undefined,
  /** The smallest page size that had to be used; absent: that which was asked for. */
  smallestSize: undefined as number | undefined,
  failure: undefined as CallFailure | undefined,
});
type Gathered = ReturnType<typeof nothingGathered>;

/** Positions of a list: `from` inclusive, `to` exclusive. */
interface Span {
  readonly from: number;
  readonly to: number;
}

interface ListRequest {
  readonly context: ListContext;
  /** None: all. */
  readonly cloudGroups: readonly string[];
  readonly lane: Lane;
  readonly known: KnownItem;
  readonly signal: AbortSignal;
  /** A failed page is not asked for again. */
  readonly once: boolean;
}

type Reading = ListRequest & { readonly gathered: Gathered };

/** Rejects with the signal's reason if it aborts. */
export async function readList(request: ListRequest): Promise<ListEnd> {
  const { context } = request;
  const gathered = nothingGathered(createSights(context.pages.numbers()));
  const asked = context.pageSizes.current();
  const reading = { ...request, gathered };
  const readOne = (from: number, size: number) => readSpan(reading, { from, to: from + size }, size);

  await readOne(0, asked);
  const size = gathered.servedSize ?? asked;
  // Without a total nobody knows how many there are: one after the other.
  const width = gathered.totalCount === undefined ? 1 : pagesAtOnce;
  let next = size;
  let workers = 1;
  const last = size * longestList;
  // Each page that was received lets one more be asked for at once, so that a false total costs little.
  const worker = async (): Promise<void> => {
    const others: Promise<void>[] = [];
    while (!gathered.failure && next < Math.min(endOf(gathered), last)) {
      const from = next;
      next += size;
      await readOne(from, size);
      if (workers < width && next < endOf(gathered)) {
        workers++;
        const other = worker();
        // Nobody waits for it yet. When all of them fail, as by an abort, the first one's reason counts.
        other.catch(() => undefined);
        others.push(other);
      }
    }
    await Promise.all(others);
  };
  await worker();
  if (gathered.failure) return { kind: 'failed', failure: gathered.failure };

  context.pageSizes.learn(gathered);
  const { sights, malformedItems, totalCount } = gathered;
  const fits = totalCount === undefined ? sights.size() === 0 : sights.size() + malformedItems === totalCount;
  return { kind: 'ok', sights, drift: gathered.drift || !fits, malformedItems };
}

/** Where the list ends, as far as is known: a total that was exceeded is none. */
const endOf = ({ totalCount, endsAt, sights, malformedItems }: Gathered): number =>
  totalCount === undefined || totalCount < sights.size() + malformedItems ? endsAt : Math.min(totalCount, endsAt);

/**
 * Reads the positions of `span` with pages of `size`, one after the other. A page that is too large is read again as
 * a span of its own with pages of half the size, and what a short page lacks with pages of its real size; what such
 * pages show beyond the span is left out. If the very first page is short, the whole list goes on with its size.
 */
async function readSpan(reading: Reading, span: Span, size: number): Promise<void> {
  const { context, gathered } = reading;
  for (let page = Math.floor(span.from / size) + 1; (page - 1) * size < span.to; page++) {
    const from = Math.max(span.from, (page - 1) * size);
    const to = Math.min(span.to, page * size);
    // The first position is always asked for: it alone shows that a list is empty.
    if (gathered.failure || (from > 0 && from >= endOf(gathered))) return;
    gathered.calls++;
    const end = await readPage(reading, page, size);
    if (end.kind === 'failed') {
      gathered.failure ??= end.failure;
    } else if (end.kind === 'ok') {
      const reached = gather(reading, end.value, { from, to }, (page - 1) * size, size);
      if (reached >= to || reached >= endOf(gathered)) continue;
      const served = end.value.entries.length;
      if (from > 0) return readSpan(reading, { from: reached, to: span.to }, served);
      gathered.servedSize = served;
      return;
    } else if (size === 1) {
      oversized(reading);
    } else {
      const half = Math.floor(size / 2);
      context.onTrace({ kind: 'page-halved', account: context.account, pageSize: half });
      gathered.smallestSize = Math.min(half, gathered.smallestSize ?? half);
      await readSpan(reading, { from, to }, half);
    }
  }
}

function readPage({ context, cloudGroups, lane, known, signal, once }: ListRequest, page: number, size: number) {
  const onlyGroup = cloudGroups.length === 1 ? cloudGroups[0] : undefined;
  const body = listBody(cloudGroups, page, size);
  const reader = context.pages.readerOf(JSON.stringify(body));
  return read(
    context,
    { action: 'ListPullToPushTaskV2', body, lane, once, parse: reader.envelope },
    (result, requestedAt) =>
      reader.page(result, { ...context, requestedAt, onlyGroup, secrets: secretsOf(context.keys.ready()), known }),
    signal,
  );
}

/** Takes what a page shows of `span`; its first entry stands at position `pageFrom`. Gives the position behind its last. */
function gather(reading: Reading, page: Page, span: Span, pageFrom: number, size: number): number {
  const { context, gathered } = reading;
  const { totalCount, entries, requestedAt } = page;
  if (totalCount !== undefined) {
    if (gathered.totalCount !== undefined && gathered.totalCount !== totalCount) gathered.drift = true;
    gathered.totalCount = Math.max(totalCount, gathered.totalCount ?? 0);
  }
  // A server that sends more than was asked for does not keep to pages.
  if (entries.length > size) gathered.drift = true;

  const before = gathered.sights.size();
  const isInSpan = (index: number) => pageFrom + index >= span.from && (pageFrom + index < span.to || index >= size);
  const isTaken = (entry: Page['entries'][number], index: number): entry is TaskItem =>
    !('malformed' in entry) && isInSpan(index);
  const isWhole = entries.every(isTaken);
  if (gathered.sights.add(isWhole ? entries : entries.filter(isTaken), requestedAt)) gathered.drift = true;
  if (!isWhole)
    for (const [index, entry] of entries.entries())
      if ('malformed' in entry && isInSpan(index)) malformed(reading, entry.malformed);
  for (const where of page.unread) context.onTrace({ kind: 'unread-field', account: context.account, where });
  gathered.barren = gathered.sights.size() > before ? 0 : gathered.barren + 1;
  const reached = pageFrom + entries.length;
  if (reached <= span.from || gathered.barren >= barrenPages) gathered.endsAt = Math.min(gathered.endsAt, span.from);
  // The size at which the first page came short is the server's own if a page of that size comes full.
  const asked = context.pageSizes.current();
  if (size === gathered.servedSize && entries.length === size && size <= asked * sizeClearlySmaller)
    gathered.smallestSize = Math.min(size, gathered.smallestSize ?? size);
  return reached;
}

function malformed({ context, gathered }: Reading, where: string): void {
  gathered.malformedItems++;
  context.onTrace({ kind: 'malformed-item', account: context.account, where });
}

/** One item costs that item; a cloud that answers everything without end would cost a call for every place of a list. */
function oversized(reading: Reading): void {
  const { gathered } = reading;
  malformed(reading, 'item too large');
  gathered.oversized++;
  if (gathered.totalCount !== undefined || gathered.oversized < hopelessItems) return;
  gathered.failure ??= {
    class: 'server',
    message:
      'ListPullToPushTaskV2: every answer is too large, even for a single task (the bound is 16 MiB, 300,000 values, and 64 levels)',
  };
}

// ---- the page size ---------------------------------------------------------------------------------------------

/** A smaller page size is forgotten after this long: the large items may be gone. */
const sizeRememberedMs = 60 * 60_000;

/**
 * Remembers the smallest page size that had to be used, if a list read with it costs no more calls than the list
 * that had to be halved: a few large items among a hundred thousand must not make every page small.
 */
export function createPageSizes(configured: number, monotonic: () => number) {
  let smaller: { readonly size: number; readonly forgetAt: number } | undefined;
  return {
    current: (): number => (smaller && monotonic() < smaller.forgetAt ? smaller.size : configured),
    learn({ smallestSize: size, calls, totalCount }: Gathered): void {
      if (size === undefined || Math.ceil((totalCount ?? 0) / size) > calls) return;
      smaller = { size, forgetAt: monotonic() + sizeRememberedMs };
    },
  };
}
