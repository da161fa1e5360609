// Two conversations chosen to be compared: of this page's wire, of recordings, or a replay that is made for it. It is kept
// while the page is: the view may be left meanwhile.

import { errorText } from '../../../../shared/errors.ts';
import { ScenarioRun } from '../../lib/compose/scenario-run.svelte.ts';
import { compareConversations, type ComparedPair, type Comparison } from '../../lib/inspect/compare.ts';
import { conversationsOf, type Conversation } from '../../lib/inspect/exchanges.ts';
import { readRecordingFile } from '../../lib/inspect/recording-file.ts';
import { replayOf, withoutOwn } from '../../lib/inspect/replay.ts';
import { RowStore } from '../../lib/inspect/row-store.ts';
import type { MessageRow } from '../../lib/inspect/row.ts';
import { groupDigits } from '../../lib/format.ts';
import type { Workbench } from '../../state/workbench.svelte.ts';
import type { Inspection } from './inspection.svelte.ts';

export type Side = 'left' | 'right';

export interface Choice {
  readonly key: string;
  /** Choices of one group stand together. */
  readonly group: string;
  readonly name: string;
}

/** A choice that holds rows already. */
interface Held extends Choice {
  readonly rows: readonly MessageRow[];
}

export type Compared =
  | { readonly kind: 'running'; readonly doing: string }
  | { readonly kind: 'failed'; readonly problem: string }
  | { readonly kind: 'done'; readonly comparison: Comparison; readonly names: Readonly<Record<Side, string>> };

/** Longest wait for what was answered then, ms. */
const replayDeadlineMs = 3000;

export class Comparing {
  chosen = $state<Readonly<Record<Side, string>>>({ left: '', right: '' });
  outcome = $state.raw<Compared | undefined>();
  /** What is looked at. */
  selected = $state.raw<ComparedPair | undefined>();
  onlyDifferences = $state(false);
  #held = $state.raw<readonly Held[]>([]);
  /** Of recordings that were opened for this alone. */
  #files = $state.raw<readonly Held[]>([]);
  #cancel: AbortController | undefined;
  readonly #run: ScenarioRun;
  readonly choices: readonly Choice[] = $derived.by(() => [...this.#held, ...this.#files, ...this.#replays()]);

  constructor(
    private readonly workbench: Workbench,
    private readonly inspection: Inspection,
  ) {
    this.#run = new ScenarioRun(workbench.wire);
  }

  /** Looks again at what there is to choose from, and chooses where nothing is chosen. */
  refresh(): void {
    const { inspection } = this;
    const wire = held('wire', 'This page’s wire', conversationsOf(inspection.takeLiveRows()));
    const opened = inspection.isLive
      ? []
      : held('opened', inspection.source.name, conversationsOf(inspection.source.store.rows()));
    const [shown] = held('shown', 'What the list shows', conversationsOf(inspection.rows));
    this.#held = [...(shown ? [{ ...shown, key: 'shown', name: `shown: ${shown.name}` }] : []), ...opened, ...wire];
    const { left, right } = this.chosen;
    const has = (key: string) => this.choices.some((choice) => choice.key === key);
    this.chosen = {
      left: has(left) ? left : (this.choices[0]?.key ?? ''),
      right: has(right) ? right : replayKey(this.workbench.active.id),
    };
  }

  choose(side: Side, key: string): void {
    this.chosen = { ...this.chosen, [side]: key };
  }

  swap(): void {
    this.chosen = { left: this.chosen.right, right: this.chosen.left };
  }

  /** Opens a recording and chooses its first conversation. */
  async open(side: Side, file: File): Promise<void> {
    try {
      const { entries } = await readRecordingFile(await file.text());
      const store = new RowStore({ maxRows: entries.length, maxBytes: Infinity });
      for (const entry of entries) store.push(entry);
      const conversations = held(`file ${this.#files.length}`, file.name, conversationsOf(store.rows()));
      const [first] = conversations;
      if (!first) throw new Error('it holds no messages: frames of a relay are not compared');
      this.#files = [...this.#files, ...conversations];
      this.choose(side, first.key);
      this.outcome = undefined;
    } catch (error) {
      this.outcome = { kind: 'failed', problem: `${file.name} cannot be compared: ${errorText(error)}` };
    }
  }

  async compare(): Promise<void> {
    this.cancel();
    const cancel = new AbortController();
    this.#cancel = cancel;
    const tell = (outcome: Compared) => {
      if (this.#cancel === cancel) this.outcome = outcome;
    };
    this.refresh();
    const { left, right } = this.chosen;
    try {
      const ours = this.#rowsOf(left);
      const theirs = this.#rowsOf(right);
      if (!ours && !theirs) throw new Error('one side is to be replayed: choose a conversation for the other');
      const leftRows = ours ?? (await this.#replay(left, theirs ?? [], tell));
      const rightRows = theirs ?? (await this.#replay(right, leftRows, tell));
      const onShare = (share: number) => tell({ kind: 'running', doing: `comparing: ${Math.floor(share * 100)} %` });
      onShare(0);
      const comparison = await compareConversations(leftRows, rightRows, onShare, cancel.signal);
      tell({ kind: 'done', comparison, names: { left: this.#nameOf(left), right: this.#nameOf(right) } });
    } catch (error) {
      tell({ kind: 'failed', problem: errorText(error) });
    }
  }

  cancel(): void {
    this.#cancel?.abort(new Error('cancelled'));
    this.#run.cancel();
  }

  async #replay(
    key: string,
    rows: readonly MessageRow[],
    tell: (outcome: Compared) => void,
  ): Promise<readonly MessageRow[]> {
    const connection = this.workbench.connections.find(({ id }) => replayKey(id) === key);
    if (!connection) throw new Error('choose what is to be compared');
    tell({ kind: 'running', doing: `replaying against ${connection.title}` });
    await this.#run.start(() => replayOf(rows), connection.target, { goesOn: true, deadlineMs: replayDeadlineMs });
    const { outcome } = this.#run;
    if (outcome?.kind !== 'done') throw new Error(outcome?.kind === 'failed' ? outcome.problem : 'cancelled');
    const played = conversationsOf(this.inspection.takeLiveRows()).filter(
      (conversation) => conversation.connection === outcome.connection,
    );
    return withoutOwn(played.flatMap((conversation) => conversation.rows));
  }

  #replays(): readonly Choice[] {
    return this.workbench.connections.map(({ id, title }) => {
      return { key: replayKey(id), group: 'The other side again, now', name: `replay against ${title} (${id})` };
    });
  }

  #rowsOf(key: string): readonly MessageRow[] | undefined {
    return [...this.#held, ...this.#files].find((choice) => choice.key === key)?.rows;
  }

  #nameOf(key: string): string {
    const choice = this.choices.find((one) => one.key === key);
    return choice?.name ?? '';
  }
}

function replayKey(connectionId: string): string {
  return `replay ${connectionId}`;
}

function held(prefix: string, group: string, conversations: readonly Conversation[]): readonly Held[] {
  return conversations.map(({ connection, stream, rows }) => {
    const count = `${groupDigits(rows.length)} ${rows.length === 1 ? 'message' : 'messages'}`;
    return { key: `${prefix} ${connection} ${stream}`, group, name: `${connection}, ${count}`, rows };
  });
}

const all = new WeakMap<Inspection, Comparing>();

/** The one of this inspection. */
export function comparingOf(workbench: Workbench, inspection: Inspection): Comparing {
  let comparing = all.get(inspection);
  if (!comparing) all.set(inspection, (comparing = new Comparing(workbench, inspection)));
  return comparing;
}
