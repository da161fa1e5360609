import { CompletionContext } from '@codemirror/autocomplete';
import { json } from '@codemirror/lang-json';
import { EditorState } from '@codemirror/state';
import { describe, expect, it } from 'vitest';
import { messageCompletion } from './editor-completion.ts';

/** What the text becomes when each completion at `|` is taken. */
function completed(marked: string): string[] {
  const pos = marked.indexOf('|');
  const doc = marked.replace('|', '');
  const state = EditorState.create({ doc, extensions: [json()] });
  const result = messageCompletion(() => ['p 1', 'p2'])(new CompletionContext(state, pos, true));
  const typed = doc.slice(result?.from ?? pos, pos).toLowerCase();
  return (result?.options ?? [])
    .filter(({ label }) => label.toLowerCase().startsWith(typed))
    .map(({ label }) => doc.slice(0, result?.from) + label + doc.slice(result?.to));
}

describe('the completion of a message', () => {
  it.each([
    ['{"id":1,"method":"process/sn|"}', ['{"id":1,"method":"process/snapshot"}']],
    ['{"id":1,"method":"environment/st|', ['{"id":1,"method":"environment/status"']],
    ['{"me|"}', ['{"method"}']],
    [
      '{"method":"process/signal","params":{"processId":"p2|"}}',
      ['{"method":"process/signal","params":{"processId":"p2"}}'],
    ],
    ['{"method":"process/signal","params":{"si|"}}', ['{"method":"process/signal","params":{"signal"}}']],
    [
      '{"method":"process/signal","params":{"signal":|}}',
      ['{"method":"process/signal","params":{"signal":"interrupt"}}'],
    ],
    [
      '{"method":"process/start","params":{"tty":|}}',
      ['{"method":"process/start","params":{"tty":true}}', '{"method":"process/start","params":{"tty":false}}'],
    ],
    ['{"method":"process/start","params":{"io":{"st|"}}}', ['{"method":"process/start","params":{"io":{"stdin"}}}']],
  ])('%s', (text, expected) => {
    expect(completed(text)).toEqual(expected);
  });
});
