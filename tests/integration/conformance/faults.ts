// The faults that the conformance suite must find, each with the cases that must fail by it. Each breaks one rule and leaves
// the rest as it is, so that no other case may fail.
import { isObject, type JsonObject } from '../../helpers/json.ts';
import type { Fault, Passing } from './faulty-server.ts';

/** The answer with other members in its result. */
const withResult = ({ message, result }: Passing, change: JsonObject): JsonObject[] => [
  { ...message, result: { ...result, ...change } },
];
const withParams = ({ message, params }: Passing, change: JsonObject): JsonObject[] => [
  { ...message, params: { ...params, ...change } },
];
const withError = ({ message, error }: Passing, change: JsonObject): JsonObject[] => [
  { ...message, error: { ...error, ...change } },
];

/** A member that is a text; '' for any other. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const recode = (chunk: unknown, change: (bytes: Buffer) => Buffer): string =>
  change(Buffer.from(textOf(chunk), 'base64')).toString('base64');

/** A whole number in that range: what is invalid stays so. */
const isBetween = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const answers = (passing: Passing, method: string): boolean =>
  passing.asked?.method === method && passing.error === undefined && passing.message?.['result'] !== undefined;

/** Wherever an error with that code goes out for that method. */
const recodeErrors =
  (from: number, to: number, methods: RegExp) =>
  (passing: Passing): JsonObject[] | undefined =>
    passing.error?.['code'] === from && methods.test(passing.asked?.method ?? '')
      ? withError(passing, { code: to })
      : undefined;

export const faults: readonly Fault[] = [
  // ---- Envelope and ids
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
    fails: [
      'EXEC-ENVELOPE-005',
      'EXEC-ENVELOPE-006',
      'EXEC-ENVELOPE-007',
      'EXEC-ENVELOPE-008',
      'EXEC-ENVELOPE-009',
      'EXEC-ENVELOPE-010',
      'EXEC-ENVELOPE-011',
      'EXEC-ENVELOPE-012',
      'EXEC-ENVELOPE-016',
      'EXEC-ENVELOPE-043',
      'EXEC-ENVELOPE-045',
      'EXEC-ID-011',
      'EXEC-ID-012',
      'EXEC-ID-013',
      'EXEC-ID-014',
      'EXEC-ID-015',
    ],
    toHarness: ({ id }, link) => {
      if (id !== -1) return undefined;
      link.closeHarness(1007, 'malformed');
      return [];
    },
  },
  {
    name: 'text that is no JSON is not answered',
    fails: ['EXEC-ENVELOPE-005', 'EXEC-ENVELOPE-011', 'EXEC-ENVELOPE-012', 'EXEC-ENVELOPE-045'],
    toServer: ({ text }) => (isJson(text) ? undefined : []),
  },
  {
    name: 'malformed messages are -32700, as JSON-RPC has it',
    fails: [
      'EXEC-ENVELOPE-005',
      'EXEC-ENVELOPE-006',
      'EXEC-ENVELOPE-007',
      'EXEC-ENVELOPE-008',
      'EXEC-ENVELOPE-009',
      'EXEC-ENVELOPE-010',
      'EXEC-ENVELOPE-011',
      'EXEC-ENVELOPE-012',
      'EXEC-ENVELOPE-016',
      'EXEC-ENVELOPE-043',
      'EXEC-ENVELOPE-045',
      'EXEC-ID-011',
      'EXEC-ID-012',
      'EXEC-ID-013',
      'EXEC-ID-014',
      'EXEC-ID-015',
    ],
    toHarness: (passing) => (passing.id === -1 ? withError(passing, { code: -32700 }) : undefined),
  },
  {
    name: 'an unknown method is -32600',
    fails: ['EXEC-ENVELOPE-020', 'EXEC-ENVELOPE-021', 'EXEC-ENVELOPE-022'],
    toHarness: (passing) => (passing.error?.['code'] === -32601 ? withError(passing, { code: -32600 }) : undefined),
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

  // ---- Handshake and sessions
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
    toHarness: (passing) =>
      answers(passing, 'initialize')
        ? withResult(passing, { sessionId: `session:${textOf(passing.result['sessionId'])}` })
        : undefined,
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
    toHarness: (passing) => (passing.error?.['code'] === -32010 ? withError(passing, { code: -32600 }) : undefined),
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
    toServer: (passing) =>
      passing.method === 'initialize' && typeof passing.params['resumeSessionId'] === 'string'
        ? withParams(passing, { resumeSessionId: null })
        : undefined,
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

  // ---- Starting
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
    toServer: (passing) =>
      typeof passing.params['arg0'] === 'string' ? withParams(passing, { arg0: null }) : undefined,
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

  // ---- Output and the end
  {
    name: 'stderr comes as stdout',
    fails: ['EXEC-START-035', 'EXEC-OUTPUT-002', 'EXEC-OUTPUT-016'],
    toHarness: (passing) =>
      passing.method === 'process/output' && passing.params['stream'] === 'stderr'
        ? withParams(passing, { stream: 'stdout' })
        : undefined,
  },
  {
    name: 'a terminal comes as stdout',
    fails: ['EXEC-START-030', 'EXEC-OUTPUT-013', 'EXEC-TTY-001'],
    toHarness: (passing) =>
      passing.method === 'process/output' && passing.params['stream'] === 'pty'
        ? withParams(passing, { stream: 'stdout' })
        : undefined,
  },
  {
    name: 'output is taken for UTF-8',
    fails: ['EXEC-OUTPUT-011', 'EXEC-WRITE-003', 'EXEC-WRITE-004'],
    toHarness: (passing) =>
      passing.method === 'process/output'
        ? withParams(passing, {
            chunk: recode(passing.params['chunk'], (bytes) => Buffer.from(bytes.toString('utf8'))),
          })
        : undefined,
  },
  {
    name: 'output is in the base64 of URLs',
    fails: ['EXEC-OUTPUT-011', 'EXEC-WRITE-003', 'EXEC-WRITE-004'],
    toHarness: (passing) =>
      passing.method === 'process/output'
        ? withParams(passing, { chunk: textOf(passing.params['chunk']).replaceAll('+', '-').replaceAll('/', '_') })
        : undefined,
  },
  {
    name: 'the last byte of large chunks on a terminal is lost',
    fails: ['EXEC-OUTPUT-013'],
    toHarness: (passing) =>
      passing.params['stream'] === 'pty' && textOf(passing.params['chunk']).length > 2000
        ? withParams(passing, { chunk: recode(passing.params['chunk'], (bytes) => bytes.subarray(0, -1)) })
        : undefined,
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
    toHarness: (passing) =>
      passing.method?.startsWith('process/') === true &&
      passing.params['seq'] === 1 &&
      passing.method === 'process/exited'
        ? withParams(passing, { seq: 0 })
        : undefined,
  },
  {
    name: 'a process killed by signal n exits with n',
    fails: [
      'EXEC-EXIT-006',
      'EXEC-EXIT-007',
      'EXEC-EXIT-008',
      'EXEC-TERMINATE-010',
      'EXEC-TERMINATE-011',
      'EXT-TERMINATE-MODE-002',
    ],
    toHarness: (passing) => {
      const exitCode = Number(passing.params['exitCode']);
      return passing.method === 'process/exited' && (exitCode === 137 || exitCode === 143)
        ? withParams(passing, { exitCode: exitCode - 128 })
        : undefined;
    },
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
      'EXEC-EXIT-006',
      'EXEC-EXIT-007',
      'EXEC-EXIT-008',
      'EXEC-TTY-005',
      'EXEC-TTY-009',
      'EXEC-TERMINATE-010',
      'EXEC-TERMINATE-011',
      'EXEC-TERMINATE-013',
      'EXEC-SIGNAL-001',
      'EXEC-SIGNAL-002',
      'EXT-TERMINATE-MODE-001',
      'EXT-TERMINATE-MODE-002',
    ],
    toHarness: (passing) =>
      passing.method === 'process/exited' && passing.params['exitCode'] !== 0
        ? withParams(passing, { exitCode: 1 })
        : undefined,
  },

  // ---- process/read
  {
    name: 'process/read tells the exit code + 1',
    fails: ['EXEC-SESSION-007', 'EXEC-SESSION-017', 'EXEC-EXIT-009', 'EXEC-READ-001', 'EXEC-READ-014'],
    toHarness: (passing) =>
      answers(passing, 'process/read') && typeof passing.result['exitCode'] === 'number'
        ? withResult(passing, { exitCode: passing.result['exitCode'] + 1 })
        : undefined,
  },
  {
    name: 'afterSeq is ignored',
    fails: ['EXEC-SESSION-007', 'EXEC-OUTPUT-016', 'EXEC-READ-005', 'EXEC-READ-009', 'EXEC-READ-020'],
    toServer: (passing) =>
      passing.method === 'process/read' && isBetween(passing.params['afterSeq'], 0, 1000)
        ? withParams(passing, { afterSeq: 0 })
        : undefined,
  },
  {
    name: 'maxBytes is ignored',
    fails: ['EXEC-READ-007', 'EXEC-READ-008', 'EXEC-READ-010'],
    toServer: (passing) =>
      passing.method === 'process/read' && isBetween(passing.params['maxBytes'], 0, 2 ** 64)
        ? withParams(passing, { maxBytes: null })
        : undefined,
  },
  {
    name: 'waitMs is ignored',
    fails: ['EXEC-READ-013', 'EXEC-READ-014', 'EXEC-READ-015', 'EXEC-READ-023'],
    toServer: (passing) =>
      passing.method === 'process/read' && isBetween(passing.params['waitMs'], 1, 2 ** 64)
        ? withParams(passing, { waitMs: 0 })
        : undefined,
  },
  {
    name: 'nextSeq is the last seq',
    fails: ['EXEC-SESSION-007', 'EXEC-READ-009', 'EXEC-READ-010', 'EXEC-READ-011', 'EXEC-READ-025'],
    toHarness: (passing) =>
      answers(passing, 'process/read')
        ? withResult(passing, { nextSeq: Number(passing.result['nextSeq']) - 1 })
        : undefined,
  },

  // ---- Writing and ending
  {
    name: 'a write to nobody is accepted',
    fails: ['EXEC-WRITE-006'],
    toHarness: (passing) =>
      answers(passing, 'process/write') && passing.result['status'] === 'unknownProcess'
        ? withResult(passing, { status: 'accepted' })
        : undefined,
  },
  {
    name: 'a write to a closed stdin is accepted',
    fails: ['EXEC-WRITE-005', 'EXT-CLOSE-STDIN-003'],
    toHarness: (passing) =>
      answers(passing, 'process/write') && passing.result['status'] === 'stdinClosed'
        ? withResult(passing, { status: 'accepted' })
        : undefined,
  },
  {
    name: 'writeId is ignored',
    fails: ['EXEC-WRITE-010', 'EXEC-WRITE-011'],
    toServer: (passing) => (passing.method === 'process/write' ? withParams(passing, { writeId: null }) : undefined),
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

  // ---- Files, HTTP
  {
    name: 'what is not found is -32603',
    fails: ['FS-READ-FILE-004', 'FS-READ-DIRECTORY-004', 'FS-COPY-012'],
    toHarness: recodeErrors(-32004, -32603, /^fs\/(readFile|readDirectory)$/),
  },
  {
    name: 'eof comes with the last full block',
    fails: ['FS-HANDLE-002'],
    toHarness: (passing) => {
      const { offset, len } = passing.asked?.params ?? {};
      return answers(passing, 'fs/readBlock') && offset === 0 && len === 10
        ? withResult(passing, { eof: true })
        : undefined;
    },
  },
  {
    name: 'a directory lists itself',
    fails: [
      'FS-READ-DIRECTORY-001',
      'FS-READ-DIRECTORY-002',
      'FS-READ-DIRECTORY-003',
      'FS-READ-DIRECTORY-005',
      'FS-COPY-010',
    ],
    toHarness: (passing) => {
      const { entries } = passing.result;
      if (!answers(passing, 'fs/readDirectory') || !Array.isArray(entries)) return undefined;
      return withResult(passing, { entries: [{ fileName: '.', isDirectory: true, isFile: false }, ...entries] });
    },
  },
  {
    name: 'directories are made without parents by default',
    fails: ['FS-CREATE-DIRECTORY-001'],
    toServer: (passing) =>
      passing.method === 'fs/createDirectory' && passing.params['recursive'] === undefined
        ? withParams(passing, { recursive: false })
        : undefined,
  },
  {
    name: 'remove is not forced by default',
    fails: ['FS-REMOVE-005'],
    toServer: (passing) =>
      passing.method === 'fs/remove' && passing.params['force'] === undefined
        ? withParams(passing, { force: false })
        : undefined,
  },
  {
    name: 'times are in seconds',
    fails: ['FS-METADATA-007'],
    toHarness: (passing) =>
      answers(passing, 'fs/getMetadata')
        ? withResult(passing, { modifiedAtMs: Math.floor(Number(passing.result['modifiedAtMs']) / 1000) })
        : undefined,
  },
  {
    name: 'a sandbox is ignored',
    fails: ['FS-SANDBOX-004'],
    toServer: (passing) =>
      JSON.stringify(passing.params['sandbox'] ?? {}) !== '{}' ? withParams(passing, { sandbox: null }) : undefined,
  },
  {
    name: 'header names are capitalised',
    fails: ['HTTP-004'],
    toHarness: (passing) => {
      const { headers } = passing.result;
      if (!answers(passing, 'http/request') || !Array.isArray(headers)) return undefined;
      const capitalised = headers.map((header) =>
        isObject(header) ? { ...header, name: textOf(header['name']).toUpperCase() } : header,
      );
      return withResult(passing, { headers: capitalised });
    },
  },
  {
    name: 'the deltas of a body count from 0',
    fails: ['HTTP-015', 'HTTP-016', 'HTTP-017', 'HTTP-018', 'HTTP-019'],
    toHarness: (passing) =>
      passing.method === 'http/request/bodyDelta'
        ? withParams(passing, { seq: Number(passing.params['seq']) - 1 })
        : undefined,
  },
];
