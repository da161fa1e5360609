// What the inspector shows: the rows of this page's wire, or of a recording that was opened, through a filter. It takes in
// what was recorded once a frame, a few milliseconds at a time, and only while it is seen.

import type { WireEntry } from '../../../../shared/recording/entry.ts';
import type { Recording } from '../../../../shared/recording/jsonl.ts';
import { logBounds } from '../../lib/inspect/bounds.ts';
import { parseFilter } from '../../lib/inspect/filter.ts';
import type { Row } from '../../lib/inspect/row.ts';
import { RowStore } from '../../lib/inspect/row-store.ts';
import { RowView } from '../../lib/inspect/row-view.ts';
import type { WireLog } from '../../state/wire-log.svelte.ts';

/** Time of a frame for taking entries in, and for filtering, ms each. */
const takeBudgetMs = 5;
const filterBudgetMs = 5;
/** A long list is handed to the page this often, ms: each time it is copied. */
const longListEveryMs = 100;
const longList = 5000;
/** The clock is looked at after so many entries. */
const strideEntries = 64;

export interface Source {
  /** Empty: the wire of this page. */
  readonly name: string;
  /** Since 1970, ms: what `atMs` of the entries counts from. */
  readonly startedAtMs: number;
  readonly store: RowStore;
}

export interface Summary {
  readonly shownCount: number;
  readonly shownBytes: number;
  readonly totalCount: number;
  readonly droppedCount: number;
  readonly anomalyCount: number;
  /** From the first row to the last, ms. */
  readonly spanMs: number;
}

export class Inspection {
  /** What is shown, oldest first. Frozen while paused. */
  rows = $state.raw<readonly Row[]>([]);
  isFollowing = $state(true);
  /** Rows that came while paused. */
  newCount = $state(0);
  /** Grows with each change of a row that is shown: its answer has come, it was marked. */
  version = $state(0);
  /** 0 … 1 while a filter or an opened recording is worked on, else undefined. */
  progress = $state<number | undefined>();
  summary = $state.raw<Summary>(emptySummary);
  filterText = $state('');
  selectedNumber = $state<number | undefined>();
  /** Brings back what was cleared last. */
  undoClear = $state.raw<(() => void) | undefined>();
  source = $state.raw<Source>() as Source;

  readonly #live: Source;
  /** Entries that are taken from the log or a file and are not rows yet. */
  #waiting: readonly WireEntry[] = [];
  #taken = 0;
  #view: RowView;
  /** While paused: rows from this number on are not shown. */
  #pausedAt = Infinity;
  #shownAtMs = 0;
  /** The rows that are shown are to be others: another filter, cleared, another recording. */
  #isOther = false;

  constructor(private readonly log: WireLog) {
    this.#live = { name: '', startedAtMs: log.startedAtMs, store: new RowStore(logBounds) };
    this.source = this.#live;
    this.#view = new RowView(this.#live.store, () => true);
  }

  get isLive(): boolean {
    return this.source === this.#live;
  }

  get selected(): Row | undefined {
    return this.selectedNumber === undefined ? undefined : this.source.store.row(this.selectedNumber);
  }

  /** Works while it is seen. @returns the end of it: right for `$effect`. */
  run(): () => void {
    let frame = 0;
    const step = () => {
      this.step(performance.now());
      frame = requestAnimationFrame(step);
    };
    step();
    return () => cancelAnimationFrame(frame);
  }

  /** One frame's work. */
  step(nowMs: number): void {
    const hasTaken = this.#take(nowMs);
    const hasChanged = this.#view.advance(filterBudgetMs, () => performance.now());
    const isBusy = !this.#view.isComplete || this.#taken < this.#waiting.length;
    const progress = isBusy && !(this.isLive && this.#view.isComplete) ? this.#shareDone() : undefined;
    if (progress !== this.progress) this.progress = progress;
    if (!hasTaken && !hasChanged && !isBusy) return;
    if (this.#view.length > longList && nowMs - this.#shownAtMs < longListEveryMs && isBusy) return;
    this.#show(nowMs);
  }

  setFilter(text: string): void {
    if (text === this.filterText) return;
    this.filterText = text;
    const parsed = parseFilter(text);
    // What is no filter leaves the rows as they are until it is one again.
    if ('matches' in parsed) this.#look(parsed.matches);
  }

  follow(): void {
    this.isFollowing = true;
    this.#pausedAt = Infinity;
    this.#show(performance.now());
  }

  pause(): void {
    if (!this.isFollowing) return;
    this.isFollowing = false;
    this.#pausedAt = this.source.store.nextNumber;
  }

  clear(): void {
    const undo = this.source.store.clear();
    this.selectedNumber = undefined;
    this.undoClear = () => {
      undo();
      this.undoClear = undefined;
      this.#refresh();
    };
    this.#refresh();
  }

  mark(row: Row): void {
    row.isMarked = !row.isMarked;
    this.version++;
  }

  /** Selects the nearest mark before or after what is selected. @returns whether there is one. */
  goToMark(step: 1 | -1): boolean {
    const { store } = this.source;
    const from = this.selectedNumber ?? (step === 1 ? store.firstNumber - 1 : store.nextNumber);
    const row = store.marked(from, step);
    if (row) this.select(row);
    return row !== undefined;
  }

  /** Whoever looks at a row does not want the list to run on. */
  select(row: Row | undefined): void {
    this.selectedNumber = row?.number;
    if (row) this.pause();
  }

  /** All rows of this page's wire up to now, also while a recording is shown. */
  takeLiveRows(): readonly Row[] {
    if (this.isLive) for (; this.#taken < this.#waiting.length; this.#taken++) this.#pushNext();
    const { store } = this.#live;
    const { entries, droppedCount } = this.log.take();
    store.skip(droppedCount);
    for (const entry of entries) store.push(entry);
    return store.rows();
  }

  /** Where a row stands among those that are shown; -1 when the filter hides it. */
  indexOf(number: number): number {
    let low = 0;
    let high = this.rows.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.rows[middle]?.number ?? 0;
      if (found === number) return middle;
      if (found < number) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Shows a recording instead of this page's wire, whose recording goes on. */
  open(name: string, { startedAt, entries }: Recording): void {
    const bounds = { maxRows: Math.max(logBounds.maxRows, entries.length), maxBytes: Infinity };
    this.#change({ name, startedAtMs: startedAt.getTime(), store: new RowStore(bounds) }, entries);
    this.pause();
    this.#pausedAt = Infinity;
  }

  /** Back to this page's wire. */
  close(): void {
    this.#change(this.#live, []);
    this.follow();
  }

  #change(source: Source, waiting: readonly WireEntry[]): void {
    // What was taken from the log and is no row yet must not be lost.
    if (this.isLive) for (; this.#taken < this.#waiting.length; this.#taken++) this.#pushNext();
    this.source = source;
    this.#waiting = waiting;
    this.#taken = 0;
    this.selectedNumber = undefined;
    this.undoClear = undefined;
    const parsed = parseFilter(this.filterText);
    this.#look('matches' in parsed ? parsed.matches : () => true);
  }

  #look(matches: (row: Row) => boolean): void {
    this.#view = new RowView(this.source.store, matches);
    this.#refresh();
  }

  #refresh(): void {
    this.#isOther = true;
    this.#view.advance(filterBudgetMs, () => performance.now());
    this.#show(performance.now());
  }

  /** @returns whether there are new rows. */
  #take(nowMs: number): boolean {
    if (this.#taken >= this.#waiting.length) {
      if (!this.isLive) return false;
      const { entries, droppedCount } = this.log.take();
      this.source.store.skip(droppedCount);
      this.#waiting = entries;
      this.#taken = 0;
    }
    const untilMs = nowMs + takeBudgetMs;
    const from = this.#taken;
    while (this.#taken < this.#waiting.length) {
      this.#pushNext();
      if (this.#taken % strideEntries === 0 && performance.now() > untilMs) break;
    }
    return this.#taken > from;
  }

  #pushNext(): void {
    const entry = this.#waiting[this.#taken++];
    if (entry) this.source.store.push(entry);
  }

  #show(nowMs: number): void {
    this.#shownAtMs = nowMs;
    const view = this.#view;
    const { store } = this.source;
    const isPaused = this.#pausedAt !== Infinity;
    const end = isPaused ? view.indexOf(this.#pausedAt) : view.length;
    // While paused the rows stay as they are, even those that are dropped meanwhile: nothing moves under the eye.
    if (!isPaused || this.#isOther) {
      const rows = view.rows();
      this.rows = end === rows.length ? rows : rows.slice(0, end);
      this.#isOther = !view.isComplete;
    }
    this.newCount = view.length - end;
    this.version++;
    const first = view.at(0);
    const last = view.at(view.length - 1);
    this.summary = {
      shownCount: view.length,
      shownBytes: view.bytes,
      totalCount: store.length,
      droppedCount: store.droppedCount,
      anomalyCount: store.anomalyCount,
      spanMs: first && last ? last.entry.atMs - first.entry.atMs : 0,
    };
  }

  #shareDone(): number {
    const taken = this.#waiting.length === 0 ? 1 : this.#taken / this.#waiting.length;
    return Math.min(taken, this.#view.progress);
  }
}

const emptySummary: Summary = {
  shownCount: 0,
  shownBytes: 0,
  totalCount: 0,
  droppedCount: 0,
  anomalyCount: 0,
  spanMs: 0,
};

const inspections = new WeakMap<WireLog, Inspection>();

/** The one of this log: its rows and marks outlive the view. */
export function inspectionOf(log: WireLog): Inspection {
  let inspection = inspections.get(log);
  if (!inspection) inspections.set(log, (inspection = new Inspection(log)));
  return inspection;
}
