// Faults in what is asked of a process: reading, writing, ending.
import type { Fault } from '../faulty-server.ts';
import { answered, answers, instead, isBetween, isText, recodeErrors, textOf, withResult } from './change.ts';

const acceptedInsteadOf = (wanted: string) =>
  answered('process/write', ({ status }) => (status === wanted ? { status: 'accepted' } : undefined));

export const requestFaults: readonly Fault[] = [
  {
    name: 'process/read tells the exit code + 1',
    fails: ['EXEC-SESSION-007', 'EXEC-SESSION-017', 'EXEC-EXIT-009', 'EXEC-READ-001', 'EXEC-READ-014'],
    toHarness: answered('process/read', ({ exitCode }) =>
      typeof exitCode === 'number' ? { exitCode: exitCode + 1 } : undefined,
    ),
  },
  {
    name: 'afterSeq is ignored',
    fails: ['EXEC-SESSION-007', 'EXEC-OUTPUT-016', 'EXEC-READ-005', 'EXEC-READ-009', 'EXEC-READ-020'],
    toServer: instead('process/read', 'afterSeq', isBetween(0, 1000), 0),
  },
  {
    name: 'maxBytes is ignored',
    fails: ['EXEC-READ-007', 'EXEC-READ-008', 'EXEC-READ-010'],
    toServer: instead('process/read', 'maxBytes', isBetween(0, 2 ** 64), null),
  },
  {
    name: 'waitMs is ignored',
    fails: ['EXEC-READ-013', 'EXEC-READ-014', 'EXEC-READ-015', 'EXEC-READ-023'],
    toServer: instead('process/read', 'waitMs', isBetween(1, 2 ** 64), 0),
  },
  {
    name: 'nextSeq is the last seq',
    fails: ['EXEC-SESSION-007', 'EXEC-READ-009', 'EXEC-READ-010', 'EXEC-READ-011', 'EXEC-READ-025'],
    toHarness: answered('process/read', ({ nextSeq }) => ({ nextSeq: Number(nextSeq) - 1 })),
  },

  {
    name: 'a write to nobody is accepted',
    fails: ['EXEC-WRITE-006'],
    toHarness: acceptedInsteadOf('unknownProcess'),
  },
  {
    name: 'a write to a closed stdin is accepted',
    fails: ['EXEC-WRITE-005', 'EXT-CLOSE-STDIN-003'],
    toHarness: acceptedInsteadOf('stdinClosed'),
  },
  {
    name: 'writeId is ignored',
    fails: ['EXEC-WRITE-010', 'EXEC-WRITE-011'],
    toServer: instead('process/write', 'writeId', isText, null),
  },
  {
    name: 'wrong params of a write are -32603',
    fails: ['EXEC-WRITE-008', 'EXEC-WRITE-009', 'EXEC-WRITE-011'],
    toHarness: recodeErrors(-32602, -32603, /^process\/write$/),
  },
  {
    name: 'terminate says that an exited process ran',
    fails: ['EXEC-TERMINATE-003', 'EXT-TERMINATE-MODE-003'],
    toHarness: (passing, link) => {
      if (passing.method === 'process/exited') link.memory.set(textOf(passing.params['processId']), true);
      const processId = textOf(passing.asked?.params['processId']);
      return answers(passing, 'process/terminate') && link.memory.has(processId)
        ? withResult(passing, { running: true })
        : undefined;
    },
  },
  {
    name: 'an extension is advertised and not there',
    fails: ['EXT-RESIZE-001', 'EXT-RESIZE-002', 'EXT-RESIZE-003', 'EXT-RESIZE-004'],
    toServer: ({ method, id }, link) => {
      if (method !== 'process/resize' || id === undefined) return undefined;
      link.sendToHarness({ id, error: { code: -32601, message: 'not implemented' } });
      return [];
    },
  },
];
