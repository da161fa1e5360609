// What of the inspector stands in the page's address: the filter, the way of looking at the rows, the selected row. A link, a
// reload and the back button bring it back.

import { untrack } from 'svelte';
import { findRow, parseRowLink, rowLinkText, type RowLink } from '../../lib/inspect/row-link.ts';
import type { Workbench } from '../../state/workbench.svelte.ts';
import type { Inspection } from './inspection.svelte.ts';

export const ways = ['list', 'diagram', 'compare'] as const;
/** Rows one under the other, as arrows between the ends, or two conversations side by side. */
export type Way = (typeof ways)[number];

/** The address changes so long after what it tells of, ms: browsers stop a page that changes it too often. */
const delayMs = 300;

export class InspectorAddress {
  readonly way: Way = $derived.by(() => ways.find((way) => way === this.workbench.address.get('show')) ?? 'list');
  /** A row that a link names and that is not here; `bad`: what the link says names none. */
  missing = $state.raw<RowLink | 'bad' | undefined>();
  /** As the address has them. */
  #filter = '';
  #row = '';
  #wanted: RowLink | undefined;

  /** Call while a component is made: what it begins ends with it. */
  constructor(
    private readonly workbench: Workbench,
    private readonly inspection: Inspection,
  ) {
    $effect(() => this.#readFilter());
    $effect(() => this.#readRow());
    $effect(() => this.#findWanted());
    $effect(() => this.#write());
  }

  show(way: Way): void {
    this.workbench.address.set({ show: way === 'list' ? undefined : way }, 'push');
  }

  /** The link is given up. */
  forget(): void {
    this.#wanted = undefined;
    this.missing = undefined;
    this.#row = '';
    this.workbench.address.set({ row: undefined });
  }

  #readFilter(): void {
    if (this.workbench.view !== 'inspector') return;
    const linked = this.workbench.address.get('filter') ?? '';
    if (linked === this.#filter) return;
    this.#filter = linked;
    untrack(() => this.inspection.setFilter(linked));
  }

  #readRow(): void {
    if (this.workbench.view !== 'inspector') return;
    const linked = this.workbench.address.get('row') ?? '';
    if (linked === this.#row) return;
    this.#row = linked;
    this.#wanted = parseRowLink(linked);
    this.missing = linked !== '' && !this.#wanted ? 'bad' : undefined;
    untrack(() => {
      if (linked === '') this.inspection.select(undefined);
      else this.#find();
    });
  }

  /** Again with each recording that is opened, and as its rows come. */
  #findWanted(): void {
    const { inspection } = this;
    const { isLive, progress } = inspection;
    // Rows of this page that come now were recorded after the link was made.
    if (!isLive && (progress !== undefined || inspection.summary.totalCount === 0)) return;
    untrack(() => this.#find());
  }

  #find(): void {
    if (!this.#wanted) return;
    const row = findRow(this.#wanted, this.inspection.source);
    this.missing = row ? undefined : this.#wanted;
    if (!row) return;
    this.#wanted = undefined;
    this.inspection.select(row);
  }

  #write(): () => void {
    const { filterText, selectedNumber } = this.inspection;
    const timer = setTimeout(() => {
      const { workbench, inspection } = this;
      if (workbench.view !== 'inspector') return;
      const { selected } = inspection;
      if (selected) this.missing = this.#wanted = undefined;
      const isLeft =
        this.#wanted !== undefined || this.missing !== undefined || (!selected && selectedNumber !== undefined);
      const row = isLeft ? this.#row : selected ? rowLinkText(selected, inspection.source.startedAtMs) : '';
      if (filterText === this.#filter && row === this.#row) return;
      this.#filter = filterText;
      this.#row = row;
      workbench.address.set({ filter: filterText, row });
    }, delayMs);
    return () => clearTimeout(timer);
  }
}
