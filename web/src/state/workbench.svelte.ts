// The whole of the page: its connections, the view that is shown, what can be done, and the record of the wire. Made once;
// every view gets it as its one prop. What of it survives a reload is kept in this tab, since targets may hold tokens.

import { untrack } from 'svelte';
import * as z from 'zod';
import type { LinkedTarget } from '../lib/deep-link.ts';
import { readStored, tabArea, writeStored } from '../lib/storage.ts';
import { ownTarget, targetSchema, type Target } from '../lib/target.ts';
import { defaultView, isViewId, type ViewId } from '../views/views.ts';
import { Address } from './address.svelte.ts';
import { Commands } from './commands.svelte.ts';
import { ServerConnection } from './connections.svelte.ts';
import { WireLog } from './wire-log.svelte.ts';

const storedSchema = z.object({
  nextId: z.number().int().min(1),
  connections: z
    .array(
      z.object({
        id: z.string(),
        target: targetSchema,
        sessionId: z.string().optional(),
        /** Connected, or trying to. */
        isWanted: z.boolean(),
      }),
    )
    .min(1)
    .max(100),
});
const key = 'connections';

export class Workbench {
  readonly wire = new WireLog();
  readonly address = new Address();
  readonly commands = new Commands();
  /** At least one. */
  connections = $state.raw<readonly ServerConnection[]>([]);
  /** A target that is to be looked through before it is connected to, e.g. from a link. */
  draft = $state.raw<Target | undefined>();
  /** Why a linked target was not taken. */
  linkProblem = $state<string | undefined>();
  #nextId = 1;

  constructor() {
    const stored = readStored(tabArea, key, storedSchema);
    this.#nextId = stored?.nextId ?? 1;
    const { wire } = this;
    const restored = stored?.connections.map(({ isWanted, ...kept }) => {
      const connection = new ServerConnection({ ...kept, wire });
      if (isWanted) void connection.connect();
      return connection;
    });
    if (restored) this.connections = restored;
    else void this.add(ownTarget()).connect();
    $effect.root(() => {
      $effect(() => this.#store());
    });
  }

  get view(): ViewId {
    const named = this.address.get('view');
    return isViewId(named) ? named : defaultView;
  }

  /** The connection that the views work with. */
  get active(): ServerConnection {
    const named = this.address.get('connection');
    const active = this.connections.find(({ id }) => id === named) ?? this.connections[0];
    if (!active) throw new Error('the workbench has no connection');
    return active;
  }

  /** Goes to a view. `parameters` go into the address, e.g. `{ filter: 'method:fs/*' }`. */
  show(view: ViewId, parameters: Readonly<Record<string, string | undefined>> = {}): void {
    if (view === this.view) this.address.set(parameters, 'push');
    else this.address.goTo(view, this.view, parameters);
  }

  /** A link asks to connect: shows it in the form, and goes nowhere before the user says so. */
  follow(linked: LinkedTarget | undefined): void {
    if (linked === undefined) return;
    if ('target' in linked) this.draft = linked.target;
    else this.linkProblem = linked.problem;
    this.show('connections', 'target' in linked ? { new: linked.target.kind } : {});
  }

  choose(connection: ServerConnection): void {
    this.address.set({ connection: connection.id }, 'push');
  }

  /** A connection in the list, not connected yet. */
  add(target: Target): ServerConnection {
    const connection = new ServerConnection({ id: `c${this.#nextId++}`, target, wire: this.wire });
    this.connections = [...untrack(() => this.connections), connection];
    return connection;
  }

  /** Ends it and takes it out of the list. The last one stays. */
  remove(connection: ServerConnection): void {
    if (this.connections.length === 1) return;
    const wasActive = this.active === connection;
    this.connections = this.connections.filter((other) => other !== connection);
    if (wasActive) this.address.set({ connection: undefined });
    connection.dispose();
  }

  #store(): void {
    const connections = this.connections.map(({ id, target, sessionId, status }) => {
      return { id, target, sessionId, isWanted: status !== 'disconnected' };
    });
    writeStored(tabArea, key, { nextId: this.#nextId, connections });
  }
}
