// Faults in envelopes and ids.
import type { Fault } from '../faulty-server.ts';
import { recodeErrors, withError } from './change.ts';

const noJson = ['EXEC-ENVELOPE-005', 'EXEC-ENVELOPE-011', 'EXEC-ENVELOPE-012', 'EXEC-ENVELOPE-045'];
/** Messages that are answered with id -1. */
const malformed = [
  ...noJson,
  'EXEC-ENVELOPE-006',
  'EXEC-ENVELOPE-007',
  'EXEC-ENVELOPE-008',
  'EXEC-ENVELOPE-009',
  'EXEC-ENVELOPE-010',
  'EXEC-ENVELOPE-016',
  'EXEC-ENVELOPE-043',
  'EXEC-ID-011',
  'EXEC-ID-012',
  'EXEC-ID-013',
  'EXEC-ID-014',
  'EXEC-ID-015',
];

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

export const envelopeFaults: readonly Fault[] = [
  {
    name: 'answers carry a jsonrpc member',
    fails: ['EXEC-ENVELOPE-001'],
    toHarness: ({ text, id }) => (id === undefined ? undefined : [`{"jsonrpc":"2.0",${text.slice(1)}`]),
  },
  {
    name: 'ids beyond 2^53 are rounded',
    fails: ['EXEC-ID-006', 'EXEC-ID-007'],
    toHarness: ({ message, id }) =>
      typeof id === 'number' && !Number.isSafeInteger(id) ? [{ ...message }] : undefined,
  },
  {
    name: 'a string id is answered as a number',
    fails: ['EXEC-ID-005'],
    toHarness: ({ message, id }) =>
      typeof id === 'string' && /^\d+$/.test(id) ? [{ ...message, id: Number(id) }] : undefined,
  },
  {
    name: 'id 0 is taken for none',
    fails: ['EXEC-ID-003'],
    toHarness: ({ id }) => (id === 0 ? [] : undefined),
  },
  {
    name: 'the empty id is taken for none',
    fails: ['EXEC-ID-002'],
    toHarness: ({ id }) => (id === '' ? [] : undefined),
  },
  {
    name: 'malformed messages end the connection',
    fails: malformed,
    toHarness: ({ id }, link) => {
      if (id !== -1) return undefined;
      link.closeHarness(1007, 'malformed');
      return [];
    },
  },
  {
    name: 'text that is no JSON is not answered',
    fails: noJson,
    toServer: ({ text }) => (isJson(text) ? undefined : []),
  },
  {
    name: 'malformed messages are -32700, as JSON-RPC has it',
    fails: malformed,
    toHarness: (passing) => (passing.id === -1 ? withError(passing, { code: -32700 }) : undefined),
  },
  {
    name: 'an unknown method is -32600',
    fails: ['EXEC-ENVELOPE-020', 'EXEC-ENVELOPE-021', 'EXEC-ENVELOPE-022'],
    toHarness: recodeErrors(-32601, -32600, /^/),
  },
  {
    name: 'unknown notifications are ignored',
    fails: ['EXEC-ENVELOPE-030', 'EXEC-ENVELOPE-031', 'EXEC-ENVELOPE-034'],
    toServer: ({ message, id, method }) =>
      message !== undefined && id === undefined && method !== undefined && method !== 'initialized' ? [] : undefined,
  },
  {
    name: 'answers from the harness are ignored',
    fails: ['EXEC-ENVELOPE-032', 'EXEC-ENVELOPE-033', 'EXEC-ENVELOPE-035', 'EXEC-SESSION-014'],
    toServer: ({ message, method }) =>
      message && method === undefined && ('result' in message || 'error' in message) ? [] : undefined,
  },
  {
    name: 'a protocol error closes with 1000',
    fails: ['EXEC-ENVELOPE-034'],
    onServerClose: (link) => {
      link.closeHarness(1000, '');
      return true;
    },
  },
  {
    name: 'every tenth answer overtakes the one before it',
    fails: ['EXEC-ENVELOPE-040'],
    toHarness: ({ text, id, result }, link) => {
      if (id === undefined || result['running'] === undefined || typeof id !== 'number' || id < 1000) return undefined;
      const held = link.memory.get('held');
      link.memory.delete('held');
      if (id % 10 === 3) {
        link.memory.set('held', text);
        return [];
      }
      return typeof held === 'string' ? [text, held] : undefined;
    },
  },
  {
    name: 'answers are sent as binary messages',
    fails: ['EXEC-ENVELOPE-041'],
    toHarness: ({ text, id }, link) => {
      if (id === undefined) return undefined;
      link.sendToHarness(Buffer.from(text));
      return [];
    },
  },
];
