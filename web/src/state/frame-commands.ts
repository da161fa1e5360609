// The commands of the frame: views, connections, appearance. Those of a view are registered by the view.

import type { Command } from './commands.svelte.ts';
import { settings } from './settings.svelte.ts';
import type { Workbench } from './workbench.svelte.ts';
import { views } from '../views/views.ts';

export interface FrameDialogs {
  readonly help: () => void;
  readonly palette: () => void;
}

/** Reads the state of the workbench: register it in an effect. */
export function frameCommands(workbench: Workbench, dialogs: FrameDialogs): readonly Command[] {
  const { active, connections } = workbench;
  return [
    {
      id: 'frame.palette',
      title: 'Find a command',
      group: 'General',
      keys: 'Mod+K',
      otherKeys: ['Mod+Shift+K'],
      run: dialogs.palette,
    },
    { id: 'frame.help', title: 'Keyboard shortcuts', group: 'General', keys: '?', run: dialogs.help },
    ...views.map(({ id, title, key }) => ({
      id: `go.${id}`,
      title: `Go to ${title}`,
      group: 'Views',
      keys: `G ${key}`,
      run: () => workbench.show(id),
    })),
    ...(connections.length > 1 ? connections : []).map((connection) => ({
      id: `use.${connection.id}`,
      title: `Work with ${connection.title} (${connection.id})`,
      group: 'Connections',
      when: () => connection !== workbench.active,
      run: () => workbench.choose(connection),
    })),
    {
      id: 'connection.new',
      title: 'New connection…',
      group: 'Connections',
      run: () => workbench.show('connections', { new: 'direct' }),
    },
    {
      id: 'connection.connect',
      title: 'Connect',
      group: 'Connections',
      when: () => active.status === 'disconnected',
      run: () => void active.connect(),
    },
    {
      id: 'connection.disconnect',
      title: 'Disconnect',
      group: 'Connections',
      when: () => active.status !== 'disconnected',
      run: () => active.disconnect(),
    },
    {
      id: 'connection.reconnect',
      title: 'Reconnect now',
      group: 'Connections',
      when: () => active.status === 'reconnecting',
      run: () => active.reconnectNow(),
    },
    {
      id: 'connection.cut',
      title: 'Cut the connection, to see it recover',
      group: 'Connections',
      when: () => active.status === 'connected',
      run: () => active.cut(),
    },
    ...(['system', 'light', 'dark'] as const).map((theme) => ({
      id: `theme.${theme}`,
      title: theme === 'system' ? 'Theme as the system' : `${theme === 'dark' ? 'Dark' : 'Light'} theme`,
      group: 'Appearance',
      when: () => settings.theme !== theme,
      run: () => settings.set({ theme }),
    })),
    {
      id: 'theme.contrast',
      title: 'High contrast on or off',
      group: 'Appearance',
      run: () => settings.set({ hasHighContrast: !settings.hasHighContrast }),
    },
    {
      id: 'font.larger',
      title: 'Larger text in terminals',
      group: 'Appearance',
      run: () => settings.set({ fontSize: settings.fontSize + 1 }),
    },
    {
      id: 'font.smaller',
      title: 'Smaller text in terminals',
      group: 'Appearance',
      run: () => settings.set({ fontSize: settings.fontSize - 1 }),
    },
  ];
}
