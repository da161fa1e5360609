// The views of the workbench, in the order of the rail. To add one: a line here and a component that takes `{ workbench }`.
// It is loaded when it is first shown, and unmounted when it is left unless it says `staysMounted`: what has to outlive that
// belongs into a state class. Hidden, it knows by `workbench.view`.

import Activity from '@lucide/svelte/icons/activity';
import Cable from '@lucide/svelte/icons/cable';
import FolderTree from '@lucide/svelte/icons/folder-tree';
import Globe from '@lucide/svelte/icons/globe';
import ListChecks from '@lucide/svelte/icons/list-checks';
import PencilRuler from '@lucide/svelte/icons/pencil-ruler';
import SquareTerminal from '@lucide/svelte/icons/square-terminal';
import Waypoints from '@lucide/svelte/icons/waypoints';
import type { Component } from 'svelte';
import { lazyPart, type LazyPart } from '../lib/lazy-part.svelte.ts';
import type { Workbench } from '../state/workbench.svelte.ts';

export type ViewId =
  'terminals' | 'files' | 'http' | 'inspector' | 'composer' | 'relay' | 'conformance' | 'connections';

export type ViewComponent = Component<{ workbench: Workbench }>;

export interface View {
  readonly id: ViewId;
  readonly title: string;
  readonly Icon: typeof Cable;
  /** The letter that goes there, after `G`. */
  readonly key: string;
  readonly staysMounted?: boolean;
  readonly load: LazyPart<{ default: ViewComponent }>;
}

export const views: readonly View[] = [
  {
    id: 'terminals',
    title: 'Terminals',
    Icon: SquareTerminal,
    key: 'T',
    staysMounted: true,
    load: lazyPart(() => import('./Terminals.svelte'), { isLarge: true }),
  },
  {
    id: 'files',
    title: 'Files',
    Icon: FolderTree,
    key: 'F',
    load: lazyPart(() => import('./Files.svelte'), { isLarge: true }),
  },
  {
    id: 'http',
    title: 'HTTP',
    Icon: Globe,
    key: 'H',
    load: lazyPart(() => import('./Http.svelte'), { isLarge: true }),
  },
  {
    id: 'inspector',
    title: 'Inspector',
    Icon: Activity,
    key: 'I',
    load: lazyPart(() => import('./Inspector.svelte'), { isLarge: true }),
  },
  {
    id: 'composer',
    title: 'Composer',
    Icon: PencilRuler,
    key: 'M',
    load: lazyPart(() => import('./Composer.svelte'), { isLarge: true }),
  },
  {
    id: 'relay',
    title: 'Relay',
    Icon: Waypoints,
    key: 'R',
    load: lazyPart(() => import('./Relay.svelte'), { isLarge: true }),
  },
  {
    id: 'conformance',
    title: 'Conformance',
    Icon: ListChecks,
    key: 'K',
    load: lazyPart(() => import('./Conformance.svelte'), { isLarge: true }),
  },
  {
    id: 'connections',
    title: 'Connections',
    Icon: Cable,
    key: 'C',
    load: lazyPart(() => import('./Connections.svelte'), { isLarge: true }),
  },
];

export const defaultView: ViewId = 'terminals';

export function isViewId(text: string | undefined): text is ViewId {
  return views.some(({ id }) => id === text);
}
