// Faults in the handshake, in sessions and in starting.
import type { Fault } from '../faulty-server.ts';
import { answered, answers, instead, isText, recodeErrors, textOf, withParams } from './change.ts';

export const sessionFaults: readonly Fault[] = [
  {
    name: 'a second initialize is fine',
    fails: ['EXEC-HANDSHAKE-009', 'EXEC-HANDSHAKE-010'],
    toHarness: (passing) =>
      /once per connection/.test(textOf(passing.error?.['message']))
        ? [{ id: passing.id ?? 0, result: { sessionId: '00000000-0000-4000-8000-000000000000' } }]
        : undefined,
  },
  {
    name: 'sessionId is no UUID',
    fails: ['EXEC-HANDSHAKE-001'],
    toHarness: answered('initialize', ({ sessionId }) => ({ sessionId: `session:${textOf(sessionId)}` })),
    toServer: (passing) => {
      const { resumeSessionId } = passing.params;
      return typeof resumeSessionId === 'string' && resumeSessionId.startsWith('session:')
        ? withParams(passing, { resumeSessionId: resumeSessionId.slice('session:'.length) })
        : undefined;
    },
  },
  {
    name: 'a session attached elsewhere is -32600',
    fails: ['EXEC-SESSION-012'],
    toHarness: recodeErrors(-32010, -32600, /^initialize$/),
  },
  {
    name: 'a resume opens a new session',
    fails: [
      'EXEC-SESSION-004',
      'EXEC-SESSION-005',
      'EXEC-SESSION-006',
      'EXEC-SESSION-007',
      'EXEC-SESSION-008',
      'EXEC-SESSION-010',
      'EXEC-SESSION-011',
      'EXEC-SESSION-012',
      'EXEC-SESSION-013',
      'EXEC-SESSION-014',
      'EXEC-SESSION-015',
      'EXEC-SESSION-016',
      'EXEC-SESSION-017',
      'EXEC-SESSION-018',
    ],
    toServer: instead('initialize', 'resumeSessionId', isText, null),
  },
  {
    name: 'after a resume no notifications come',
    fails: ['EXEC-SESSION-005', 'EXEC-SESSION-006'],
    toServer: ({ method, params }, link) => {
      if (method === 'initialize' && typeof params['resumeSessionId'] === 'string') link.memory.set('resumed', true);
      return undefined;
    },
    toHarness: ({ method }, link) => (method !== undefined && link.memory.has('resumed') ? [] : undefined),
  },

  {
    name: 'errors of the system are -32000',
    fails: [
      'EXEC-START-014',
      'EXEC-START-015',
      'EXEC-START-016',
      'EXEC-START-017',
      'EXEC-START-018',
      'EXEC-START-019',
      'EXEC-START-020',
      'EXEC-START-021',
      'EXEC-START-022',
      'EXEC-START-023',
    ],
    toHarness: recodeErrors(-32603, -32000, /^process\/start$/),
  },
  {
    name: 'a processId in use is -32603',
    fails: ['EXEC-START-012', 'EXEC-START-013'],
    toHarness: recodeErrors(-32600, -32603, /^process\/start$/),
  },
  {
    name: 'variables of the server leak into the child',
    fails: [
      'EXEC-START-025',
      'EXEC-ENV-001',
      'EXEC-ENV-002',
      'EXEC-ENV-007',
      'EXEC-ENV-008',
      'EXEC-ENV-009',
      'EXEC-TTY-007',
      'EXEC-TTY-008',
    ],
    toServer: (passing) => {
      const env = passing.params['env'];
      return passing.method === 'process/start' && typeof env === 'object' && env !== null && !Array.isArray(env)
        ? withParams(passing, { env: { LEAKED: '1', ...env } })
        : undefined;
    },
  },
  {
    name: 'arg0 is ignored',
    fails: ['EXEC-START-029', 'EXEC-START-030'],
    toServer: instead('process/start', 'arg0', isText, null),
  },
  {
    name: 'the answer to start comes late, after notifications',
    fails: ['EXEC-OUTPUT-009', 'EXT-STARTED-001'],
    toHarness: (passing, link) => {
      if (!answers(passing, 'process/start')) return undefined;
      setTimeout(() => link.sendToHarness(passing.text), 60);
      return [];
    },
  },
];
