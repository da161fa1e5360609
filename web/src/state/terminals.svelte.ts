// The processes of one connection, and which of them the page shows. Remembers them for a reload, by id: their output is
// read again from the server.

import { tick, untrack } from 'svelte';
import * as z from 'zod';
import { errorText } from '../../../shared/errors.ts';
import type { ExecServerClient } from '../../../shared/client/harness.ts';
import { quoteArgv } from '../lib/argv.ts';
import { lazyPart } from '../lib/lazy-part.svelte.ts';
import { launchSchema, plainLaunch, type Launch } from '../lib/launch.ts';
import { readStored, tabArea, writeStored } from '../lib/storage.ts';
import type { CastPlayer } from './cast-player.svelte.ts';
import type { FormerSession, ServerConnection } from './connections.svelte.ts';
import { launchHistory } from './history.svelte.ts';
import type { RunningProcess } from './running-process.svelte.ts';
import { settings } from './settings.svelte.ts';

const storedSchema = z.object({
  selected: z.string(),
  processes: z.array(
    z.object({
      id: z.string(),
      launch: launchSchema,
      status: z.enum(['running', 'ended', 'lost']),
      exitCode: z.number().optional(),
      startedAtMs: z.number(),
      endedAtMs: z.number().optional(),
    }),
  ),
  /** Ids of processes: those of a tab stand side by side. */
  tabs: z.array(z.array(z.string()).min(1)),
});

const processCode = lazyPart(() => import('./running-process.svelte.ts'));
const playerCode = lazyPart(() => import('./cast-player.svelte.ts'));

/** Where a process is shown: in a tab of its own, or to the right of the current one. */
export type Place = 'tab' | 'beside';

/** The tab that starts something new. */
export const launcherTab = 'launcher';

export class Terminals {
  processes = $state.raw<readonly RunningProcess[]>([]);
  /** Recordings that are played, a tab each. Gone after a reload: their files are the user's. */
  recordings = $state.raw<readonly CastPlayer[]>([]);
  /** Id of the process or recording that is worked with, or `launcherTab`. */
  selected = $state<string>(launcherTab);
  /** What the launcher is filled with. */
  draft = $state.raw<Launch>(plainLaunch);
  isRestoring = $state(false);
  /** The current terminal has all of the window. */
  isFull = $state(false);
  /** Ids of processes that are shown, tab by tab: those of one stand side by side. */
  #tabs = $state.raw<readonly (readonly string[])[]>([]);
  readonly #key: string;
  readonly #stopEffects: () => void;

  constructor(readonly connection: ServerConnection) {
    this.#key = `processes.${connection.id}`;
    this.isRestoring = (readStored(tabArea, this.#key, storedSchema)?.processes.length ?? 0) > 0;
    this.#stopEffects = $effect.root(() => {
      $effect(() => {
        const look = settings.screenLook;
        const shown = [...this.processes, ...this.recordings];
        untrack(() => shown.forEach(({ screen }) => screen.look(look)));
      });
      $effect(() => this.#store());
    });
  }

  /** What each tab shows, side by side. */
  get tabs(): readonly (readonly RunningProcess[])[] {
    return this.#tabs.map((ids) => ids.flatMap((id) => this.processes.filter((process) => process.id === id)));
  }

  get currentTab(): readonly RunningProcess[] | undefined {
    return this.tabs.find((tab) => tab.some(({ id }) => id === this.selected));
  }

  get current(): RunningProcess | undefined {
    return this.processes.find(({ id }) => id === this.selected);
  }

  get currentRecording(): CastPlayer | undefined {
    return this.recordings.find(({ id }) => id === this.selected);
  }

  get runningCount(): number {
    return this.processes.filter((process) => !process.isOver).length;
  }

  /** The executor's own shell on a terminal. */
  openShell(place: Place = 'tab'): Promise<void> {
    return this.launch({ ...plainLaunch, kind: 'argv', line: quoteArgv([this.connection.traits.shellPath]) }, place);
  }

  /** Starts it, by default in a tab of its own. What goes wrong is told there. */
  async launch(launch: Launch, place: Place = 'tab'): Promise<void> {
    const { client } = this.connection;
    if (!client) return;
    launchHistory.add(launch);
    const { RunningProcess } = await processCode();
    const id = `${nameOf(launch)}-${randomSuffix()}`;
    const process = new RunningProcess(this.connection, id, launch);
    this.processes = [...this.processes, process];
    this.show(process, place);
    // Its tab lends the screen a place, and so a size to start with.
    await tick();
    process.screen.focus();
    await process.start(client);
  }

  /** Goes to where it is shown; `beside`: takes it to the right of the current one. */
  show({ id }: RunningProcess, place: Place = 'tab'): void {
    const isShown = this.#tabs.some((tab) => tab.includes(id));
    if (place === 'beside' && id !== this.selected && this.currentTab) {
      this.#tabs = this.#without(id).map((tab) =>
        tab.includes(this.selected) ? tab.flatMap((other) => (other === this.selected ? [other, id] : [other])) : tab,
      );
    } else if (!isShown) this.#tabs = [...this.#tabs, [id]];
    this.selected = id;
  }

  /** Takes it out of a split, into a tab of its own. */
  separate({ id }: RunningProcess): void {
    this.#tabs = this.#tabs.flatMap((tab) =>
      tab.includes(id) && tab.length > 1 ? [tab.filter((other) => other !== id), [id]] : [tab],
    );
    this.selected = id;
  }

  select(tab: string): void {
    this.selected = tab;
    if (tab === launcherTab) this.isFull = false;
  }

  /** Takes it out of sight. What still runs goes on and stays in the list; what is over goes away. */
  close(process: RunningProcess): void {
    const { id } = process;
    const shown = this.#tabs.flat();
    const tab = this.#tabs.find((ids) => ids.includes(id)) ?? [];
    // Its neighbour in the tab, else in the row of tabs.
    const near = tab.length > 1 ? tab : shown;
    const index = near.indexOf(id);
    if (this.selected === id) this.selected = near[index + 1] ?? near[index - 1] ?? launcherTab;
    this.#tabs = this.#without(id);
    if (this.currentTab === undefined || this.currentTab.length < 2) this.isFull = false;
    if (process.isOver) this.#remove(process);
  }

  /** Takes all that are over out of the list. */
  clearEnded(): void {
    for (const process of this.processes) if (process.isOver) this.close(process);
  }

  /** Plays a recording (asciicast) in a tab of its own. @returns what is wrong with it */
  async play(name: string, text: string): Promise<string | undefined> {
    const { CastPlayer } = await playerCode();
    try {
      const player = new CastPlayer(`recording-${randomSuffix()}`, name, text);
      this.recordings = [...this.recordings, player];
      this.selected = player.id;
      player.play();
      return undefined;
    } catch (error) {
      return errorText(error);
    }
  }

  closeRecording(player: CastPlayer): void {
    this.recordings = this.recordings.filter((other) => other !== player);
    if (this.selected === player.id) this.selected = this.recordings.at(-1)?.id ?? launcherTab;
    player.dispose();
  }

  /** Fills the launcher and goes there. */
  edit(launch: Launch): void {
    this.draft = launch;
    this.selected = launcherTab;
  }

  #without(id: string): (readonly string[])[] {
    return this.#tabs.map((tab) => tab.filter((other) => other !== id)).filter((tab) => tab.length > 0);
  }

  #remove(process: RunningProcess): void {
    this.processes = this.processes.filter((other) => other !== process);
    process.dispose();
  }

  /** The connection has gone for good: forgets its processes, here and for a reload. They go on at the server for a while. */
  dispose(): void {
    this.#stopEffects();
    for (const shown of [...this.processes, ...this.recordings]) shown.dispose();
    this.processes = [];
    this.recordings = [];
    writeStored(tabArea, this.#key, undefined);
  }

  /** For the connection: a new client, whose session is open. */
  async sessionOpened(client: ExecServerClient, former: FormerSession): Promise<void> {
    // A duplicated tab has the list of the first, which goes on with it.
    const isOurs = this.isRestoring && former !== 'held by another tab';
    const stored = isOurs ? readStored(tabArea, this.#key, storedSchema) : undefined;
    if (stored) await this.#restore(stored);
    this.isRestoring = false;
    for (const process of this.processes) {
      // What is over already is shown as it was, unless the page has forgotten it by a reload.
      if (process.isOver && !stored) continue;
      if (former === 'resumed') void process.resume(client);
      else process.lose('the server has ended its session');
    }
  }

  async #restore(stored: z.infer<typeof storedSchema>): Promise<void> {
    const { RunningProcess } = await processCode();
    this.processes = stored.processes.map((kept) => {
      const process = new RunningProcess(this.connection, kept.id, kept.launch, kept.startedAtMs);
      if (kept.status !== 'running') process.restoreEnd(kept.status, kept.exitCode, kept.endedAtMs);
      return process;
    });
    const known = stored.processes.map(({ id }) => id);
    this.#tabs = stored.tabs.map((tab) => tab.filter((id) => known.includes(id))).filter((tab) => tab.length > 0);
    this.selected = this.#tabs.flat().includes(stored.selected) ? stored.selected : launcherTab;
    await tick();
  }

  #store(): void {
    if (this.isRestoring) return;
    const processes = this.processes.flatMap((process) => {
      const { id, launch, status, exitCode, startedAtMs, endedAtMs } = process;
      if (status === 'failed') return [];
      return [{ id, launch, status: status === 'starting' ? 'running' : status, exitCode, startedAtMs, endedAtMs }];
    });
    writeStored(
      tabArea,
      this.#key,
      processes.length === 0 ? undefined : { selected: this.selected, processes, tabs: this.#tabs },
    );
  }
}

/** The beginning of a process id: says what it is, wherever the id is shown. */
function nameOf(launch: Launch): string {
  const word = /^\S*/.exec(launch.line.trim())?.[0] ?? '';
  return (
    word
      .replace(/^.*\//, '')
      .replace(/[^\w.-]/g, '')
      .slice(0, 20) || 'process'
  );
}

function randomSuffix(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
