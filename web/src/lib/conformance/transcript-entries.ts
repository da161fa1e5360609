// The conversation of a failed case as rows for the inspector. Pure. Long messages were cut when they were kept.

import type { TranscriptLine } from '../../../../shared/conformance/transcript.ts';
import type { WireEntry } from '../../../../shared/recording/entry.ts';

export function transcriptEntries(lines: readonly TranscriptLine[]): readonly WireEntry[] {
  return lines.map(({ atMs, connection, what, text }): WireEntry => {
    const at = { atMs, connection };
    switch (what) {
      case 'opened':
        return { kind: 'event', event: 'open', ...at, detail: text };
      case 'closed':
        return { kind: 'event', event: 'closed', ...at, detail: text };
      case 'sent':
        return { kind: 'message', dir: 'out', ...at, text };
      case 'received':
        return { kind: 'message', dir: 'in', ...at, text };
    }
  });
}
