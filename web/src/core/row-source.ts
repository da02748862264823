// The rows of a long list, a page at a time, wherever somebody looks. Pages follow each other by the server's cursor;
// where somebody jumps to, the first page is asked for by its number. Pages that nobody looks at are forgotten.

export interface RowPage<R> { items: R[]; next: string | null; total: number }
export interface RowPlace { cursor?: string | undefined; offset?: number | undefined; limit: number }
export type RowAsk<R> = (place: RowPlace, signal: AbortSignal) => Promise<RowPage<R>>;

export const PAGE_ROWS = 100;
const KEPT_PAGES = 40;
const CALM_MS = 40;

interface Kept<R> { rows: R[]; stale: boolean }

export class RowSource<R extends { id: string }> {
  total = 0;
  ready = false;
  error: unknown = undefined;
  private readonly pages = new Map<number, Kept<R>>();
  private readonly cursors = new Map<number, string>();
  private readonly asking = new Map<number, AbortController>();
  private range: readonly [number, number] = [0, 0];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(private readonly ask: RowAsk<R>, private readonly changed: () => void) {}

  row(at: number): R | undefined {
    return this.pages.get(Math.floor(at / PAGE_ROWS))?.rows[at % PAGE_ROWS];
  }

  /** Is anything of what is looked at on its way? */
  get loading(): boolean {
    return this.asking.size > 0;
  }

  * loaded(): Generator<[number, R]> {
    for (const [page, kept] of this.pages) for (const [i, row] of kept.rows.entries()) yield [page * PAGE_ROWS + i, row];
  }

  /** These rows are looked at: they are asked for once the reader is calm. */
  want(first: number, last: number): void {
    const to = Math.floor(Math.max(first, last) / PAGE_ROWS);
    this.range = this.ready ? [Math.floor(first / PAGE_ROWS), Math.min(to, this.lastPage())] : [0, 0];
    if (!this.ready) {
      this.fetchRange();
    } else if (this.missing().length > 0 && this.timer === undefined) {
      this.timer = setTimeout(() => { this.timer = undefined; this.fetchRange(); }, CALM_MS);
    }
  }

  /** The whole of a range, for those who need every id; in pieces, one after another. */
  async idsOf(first: number, last: number, signal: AbortSignal): Promise<string[]> {
    const ids: string[] = [];
    for (let page = Math.floor(first / PAGE_ROWS); page <= Math.floor(last / PAGE_ROWS); page++) {
      const known = this.pages.get(page)?.rows ?? (await this.ask(this.placeOf(page), signal)).items;
      known.forEach((row, i) => {
        const at = page * PAGE_ROWS + i;
        if (at >= first && at <= last) ids.push(row.id);
      });
    }
    return ids;
  }

  /** Asks anew for what is looked at; what is shown stays until the answer is there. */
  reload(): void {
    for (const kept of this.pages.values()) kept.stale = true;
    this.cursors.clear();
    this.stopAsking(() => true);
    this.fetchRange();
  }

  patch(id: string, change: (row: R) => R): boolean {
    for (const kept of this.pages.values()) {
      const at = kept.rows.findIndex((row) => row.id === id);
      const row = kept.rows[at];
      if (row === undefined) continue;
      kept.rows = kept.rows.with(at, change(row));
      this.changed();
      return true;
    }
    return false;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.stopAsking(() => true);
  }

  private lastPage(): number {
    return Math.max(0, Math.ceil(this.total / PAGE_ROWS) - 1);
  }

  private missing(): number[] {
    const pages: number[] = [];
    for (let page = this.range[0]; page <= this.range[1]; page++) {
      const kept = this.pages.get(page);
      if ((!kept || kept.stale) && !this.asking.has(page)) pages.push(page);
    }
    return pages;
  }

  private stopAsking(which: (page: number) => boolean): void {
    for (const [page, control] of this.asking) {
      if (!which(page)) continue;
      control.abort();
      this.asking.delete(page);
    }
  }

  private fetchRange(): void {
    const [first, last] = this.range;
    this.stopAsking((page) => page < first || page > last);
    for (const page of this.missing()) this.fetch(page);
  }

  private placeOf(page: number): RowPlace {
    const cursor = this.cursors.get(page);
    if (cursor !== undefined) return { cursor, limit: PAGE_ROWS };
    return { offset: page === 0 ? undefined : page * PAGE_ROWS, limit: PAGE_ROWS };
  }

  private fetch(page: number): void {
    const control = new AbortController();
    this.asking.set(page, control);
    this.ask(this.placeOf(page), control.signal).then((answer) => {
      if (!control.signal.aborted) this.take(page, answer);
    }, (error: unknown) => {
      if (control.signal.aborted) return;
      this.asking.delete(page);
      this.error = error;
      this.ready = true;
      this.tell();
    });
  }

  private take(page: number, answer: RowPage<R>): void {
    const first = page * PAGE_ROWS;
    this.asking.delete(page);
    this.error = undefined;
    this.total = answer.next === null ? first + answer.items.length : Math.max(answer.total, first + answer.items.length + 1);
    if (answer.next !== null) this.cursors.set(page + 1, answer.next);
    this.pages.delete(page);
    this.pages.set(page, { rows: answer.items, stale: false });
    this.ready = true;
    this.forget();
    this.tell();
  }

  /** The pages that were read longest ago go first, never those that are looked at; so do those beyond the end. */
  private forget(): void {
    for (const page of [...this.pages.keys()]) {
      const looked = page >= this.range[0] && page <= this.range[1];
      if (page > this.lastPage() || (this.pages.size > KEPT_PAGES && !looked)) this.pages.delete(page);
    }
  }

  private tell(): void {
    if (!this.closed) this.changed();
  }
}
