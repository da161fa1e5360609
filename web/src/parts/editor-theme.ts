// How editors look: by the page's own colours, so that they follow its theme.

import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';

const faint = 'color-mix(in srgb, var(--text) 5%, transparent)';

export const editorTheme: Extension = EditorView.theme({
  '&': { flex: '1', minWidth: '0', background: 'var(--surface)', fontSize: 'var(--text-sm)' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-editor .cm-selectionBackground': {
    background: 'color-mix(in srgb, var(--accent) 30%, transparent) !important',
  },
  '.cm-gutters': { borderRight: '1px solid var(--line)', background: 'var(--surface)', color: 'var(--muted)' },
  '.cm-activeLine, .cm-activeLineGutter': { background: faint },
  '.cm-panels': { borderBottom: '1px solid var(--line)', background: 'var(--surface)', color: 'var(--text)' },
  '.cm-panel.cm-search :is(input, button)': {
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius-sm)',
    background: 'var(--raised)',
    backgroundImage: 'none',
    color: 'var(--text)',
  },
  '.cm-searchMatch': { background: 'color-mix(in srgb, var(--warn) 35%, transparent)' },
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: 'var(--radius-sm)',
    background: 'var(--raised)',
    color: 'var(--text)',
    boxShadow: 'var(--shadow)',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { background: 'var(--accent-soft)', color: 'var(--text)' },
  '.cm-completionDetail': {
    color: 'var(--muted)',
    fontFamily: 'var(--font)',
    fontSize: 'var(--text-xs)',
    fontStyle: 'normal',
  },
});
