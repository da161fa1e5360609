// Faults in output and in the end of processes.
import type { Fault } from '../faulty-server.ts';
import { notified, recode, textOf, withParams } from './change.ts';

/** Cases of output that holds any bytes. */
const anyBytes = ['EXEC-OUTPUT-011', 'EXEC-WRITE-003', 'EXEC-WRITE-004'];
/** Cases of processes that end by a signal. */
const killed = [
  'EXEC-EXIT-006',
  'EXEC-EXIT-007',
  'EXEC-EXIT-008',
  'EXEC-TERMINATE-010',
  'EXEC-TERMINATE-011',
  'EXT-TERMINATE-MODE-002',
];

export const outputFaults: readonly Fault[] = [
  {
    name: 'stderr comes as stdout',
    fails: ['EXEC-START-035', 'EXEC-OUTPUT-002', 'EXEC-OUTPUT-016'],
    toHarness: notified('process/output', ({ stream }) => (stream === 'stderr' ? { stream: 'stdout' } : undefined)),
  },
  {
    name: 'a terminal comes as stdout',
    fails: ['EXEC-START-030', 'EXEC-OUTPUT-013', 'EXEC-TTY-001'],
    toHarness: notified('process/output', ({ stream }) => (stream === 'pty' ? { stream: 'stdout' } : undefined)),
  },
  {
    name: 'output is taken for UTF-8',
    fails: anyBytes,
    toHarness: notified('process/output', ({ chunk }) => ({
      chunk: recode(chunk, (bytes) => Buffer.from(bytes.toString('utf8'))),
    })),
  },
  {
    name: 'output is in the base64 of URLs',
    fails: anyBytes,
    toHarness: notified('process/output', ({ chunk }) => ({
      chunk: textOf(chunk).replaceAll('+', '-').replaceAll('/', '_'),
    })),
  },
  {
    name: 'the last byte of large chunks on a terminal is lost',
    fails: ['EXEC-OUTPUT-013'],
    toHarness: notified('process/output', ({ stream, chunk }) =>
      stream === 'pty' && textOf(chunk).length > 2000
        ? { chunk: recode(chunk, (bytes) => bytes.subarray(0, -1)) }
        : undefined,
    ),
  },
  {
    name: 'exited and closed swap their seqs',
    fails: ['EXEC-OUTPUT-004', 'EXEC-OUTPUT-006', 'EXEC-OUTPUT-007'],
    toHarness: (passing) => {
      const seq = Number(passing.params['seq']);
      if (passing.method === 'process/exited') return withParams(passing, { seq: seq + 1 });
      if (passing.method === 'process/closed') return withParams(passing, { seq: seq - 1 });
      return undefined;
    },
  },
  {
    name: 'closed is sent before exited',
    fails: ['EXEC-HANDSHAKE-023', 'EXEC-OUTPUT-004', 'EXEC-OUTPUT-008', 'EXT-STARTED-001'],
    toHarness: (passing, link) => {
      const key = `exited ${textOf(passing.params['processId'])}`;
      if (passing.method === 'process/exited' && passing.params['exitCode'] === 0) {
        link.memory.set(key, passing.text);
        // Where closed takes its time, exited cannot wait for it.
        setTimeout(() => {
          const text = link.memory.get(key);
          link.memory.delete(key);
          if (typeof text === 'string') link.sendToHarness(text);
        }, 20);
        return [];
      }
      const held = link.memory.get(key);
      link.memory.delete(key);
      return passing.method === 'process/closed' && typeof held === 'string' ? [passing.text, held] : undefined;
    },
  },
  {
    name: 'exited is sent twice',
    fails: [
      'EXEC-HANDSHAKE-023',
      'EXEC-OUTPUT-003',
      'EXEC-OUTPUT-005',
      'EXEC-OUTPUT-007',
      'EXEC-TERMINATE-004',
      'EXT-STARTED-001',
    ],
    toHarness: ({ method, text }) => (method === 'process/exited' ? [text, text] : undefined),
  },
  {
    name: 'a process without output has exited as 0',
    fails: ['EXEC-OUTPUT-007'],
    toHarness: notified('process/exited', ({ seq }) => (seq === 1 ? { seq: 0 } : undefined)),
  },
  {
    name: 'a process killed by signal n exits with n',
    fails: killed,
    toHarness: notified('process/exited', ({ exitCode }) =>
      exitCode === 137 || exitCode === 143 ? { exitCode: exitCode - 128 } : undefined,
    ),
  },
  {
    name: 'exit codes other than 0 are 1',
    fails: [
      'EXEC-SESSION-005',
      'EXEC-START-036',
      'EXEC-START-038',
      'EXEC-OUTPUT-015',
      'EXEC-OUTPUT-019',
      'EXEC-EXIT-002',
      'EXEC-EXIT-003',
      'EXEC-EXIT-004',
      'EXEC-TTY-005',
      'EXEC-TTY-009',
      ...killed,
      'EXEC-TERMINATE-013',
      'EXEC-SIGNAL-001',
      'EXEC-SIGNAL-002',
      'EXT-TERMINATE-MODE-001',
    ],
    toHarness: notified('process/exited', ({ exitCode }) => (exitCode === 0 ? undefined : { exitCode: 1 })),
  },
];
