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
  readonly load: () => Promise<{ default: ViewComponent }>;
}

export const views: readonly View[] = [
  {
    id: 'terminals',
    title: 'Terminals',
    Icon: SquareTerminal,
    key: 'T',
    staysMounted: true,
    load: () => import('./Terminals.svelte'),
  },
  {
    id: 'files',
    title: 'Files',
    Icon: FolderTree,
    key: 'F',
    load: () => import('./Files.svelte'),
  },
  {
    id: 'http',
    title: 'HTTP',
    Icon: Globe,
    key: 'H',
    load: () => import('./Http.svelte'),
  },
  {
    id: 'inspector',
    title: 'Inspector',
    Icon: Activity,
    key: 'I',
    load: () => import('./Inspector.svelte'),
  },
  {
    id: 'composer',
    title: 'Composer',
    Icon: PencilRuler,
    key: 'M',
    load: () => import('./Composer.svelte'),
  },
  {
    id: 'relay',
    title: 'Relay',
    Icon: Waypoints,
    key: 'R',
    load: () => import('./Relay.svelte'),
  },
  {
    id: 'conformance',
    title: 'Conformance',
    Icon: ListChecks,
    key: 'K',
    load: () => import('./Conformance.svelte'),
  },
  {
    id: 'connections',
    title: 'Connections',
    Icon: Cable,
    key: 'C',
    load: () => import('./Connections.svelte'),
  },
];

export const defaultView: ViewId = 'terminals';

export function isViewId(text: string | undefined): text is ViewId {
  return views.some(({ id }) => id === text);
}
