// Faults in files and HTTP.
import { isObject } from '../../../helpers/json.ts';
import type { Fault } from '../faulty-server.ts';
import {
  answered,
  answers,
  instead,
  isAbsent,
  notified,
  recodeErrors,
  textOf,
  withParams,
  withResult,
} from './change.ts';

export const fileFaults: readonly Fault[] = [
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
    toHarness: answered('fs/readDirectory', ({ entries }) =>
      Array.isArray(entries)
        ? { entries: [{ fileName: '.', isDirectory: true, isFile: false }, ...entries] }
        : undefined,
    ),
  },
  {
    name: 'directories are made without parents by default',
    fails: ['FS-CREATE-DIRECTORY-001'],
    toServer: instead('fs/createDirectory', 'recursive', isAbsent, false),
  },
  {
    name: 'remove is not forced by default',
    fails: ['FS-REMOVE-005'],
    toServer: instead('fs/remove', 'force', isAbsent, false),
  },
  {
    name: 'times are in seconds',
    fails: ['FS-METADATA-007'],
    toHarness: answered('fs/getMetadata', ({ modifiedAtMs }) => ({
      modifiedAtMs: Math.floor(Number(modifiedAtMs) / 1000),
    })),
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
    toHarness: answered('http/request', ({ headers }) =>
      Array.isArray(headers)
        ? {
            headers: headers.map((header) =>
              isObject(header) ? { ...header, name: textOf(header['name']).toUpperCase() } : header,
            ),
          }
        : undefined,
    ),
  },
  {
    name: 'the deltas of a body count from 0',
    fails: ['HTTP-015', 'HTTP-016', 'HTTP-017', 'HTTP-018', 'HTTP-019'],
    toHarness: notified('http/request/bodyDelta', ({ seq }) => ({ seq: Number(seq) - 1 })),
  },
];
