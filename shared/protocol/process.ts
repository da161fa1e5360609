// process/*: start, drive and follow processes (docs/protocol.md, "Processes" and "Extensions").

import * as z from 'zod';
import { RpcCode } from '../errors.ts';
import { base64, declareMethod, declareNotification, optional, tooManyWaiting, unsigned } from './declare.ts';
import { sandboxContext } from './sandbox.ts';

const processId = z.string().meta({ description: 'Chosen by the harness, any text; never an OS pid.' });
const dimension = z.number().int().min(1).max(65_535);
const status = z.enum(['accepted', 'stdinClosed', 'unknownProcess', 'starting']);
const unknownProcess = { code: RpcCode.invalidRequest, when: 'the process is unknown: `unknown process id P`' };

export const envPolicy = z.looseObject({
  inherit: z.enum(['all', 'core', 'none']),
  ignoreDefaultExcludes: z.boolean().meta({ description: 'false drops *KEY*, *SECRET*, *TOKEN*.' }),
  exclude: z.array(z.string()),
  set: z.record(z.string(), z.string()),
  includeOnly: z.array(z.string()),
});

export const processIo = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('pty'), rows: dimension, cols: dimension }),
  z.looseObject({ type: z.literal('pipe'), stdin: z.enum(['open', 'closed']) }),
]);

const env = z.record(z.string(), z.string());
const preparedRequest = z.looseObject({
  argv: z.array(z.string()),
  cwd: z.string(),
  env,
  arg0: optional(z.string()),
});

export const processStart = declareMethod({
  method: 'process/start',
  family: 'exec',
  since: '0.131',
  doc: 'Starts a program by pipes or on a terminal. It runs when the answer comes.',
  params: z
    .looseObject({
      processId,
      argv: z.array(z.string()).optional().meta({ description: 'argv[0] is the program; no shell is involved.' }),
      cwd: z.string().optional().meta({ description: 'Path or file:// URI.' }),
      env: env.optional().meta({ description: 'The whole environment, or an overlay when envPolicy is given.' }),
      tty: z.boolean().optional().meta({ description: 'Run on a pseudo terminal.' }),
      pipeStdin: z
        .boolean()
        .default(false)
        .meta({ description: 'Keep stdin of a piped process open for process/write.' }),
      arg0: optional(z.string()).meta({ description: "The child's argv[0], when it differs from the program." }),
      envPolicy: optional(envPolicy),
      sandbox: optional(sandboxContext),
      kind: z
        .enum(['direct', 'prepared'])
        .default('direct')
        .meta({ description: 'Extension: who prepared the request.' }),
      io: optional(processIo).meta({ description: 'Extension: replaces tty and pipeStdin, with a terminal size.' }),
      request: optional(preparedRequest).meta({ description: 'Extension: what to start when kind is prepared.' }),
    })
    .superRefine((params, context) => {
      const missing = (member: string) => {
        context.addIssue({ code: 'custom', path: member.split('.'), message: 'missing' });
      };
      if (params.kind === 'prepared') {
        if (!params.request) missing('request');
        if (params.envPolicy) {
          context.addIssue({ code: 'custom', path: ['envPolicy'], message: 'not allowed when kind is prepared' });
        }
      } else {
        for (const member of ['argv', 'cwd', 'env'] as const) if (params[member] === undefined) missing(member);
      }
      if (!params.io && params.tty === undefined) missing('tty');
      if (params.io && params.tty !== undefined && params.tty !== (params.io.type === 'pty')) {
        context.addIssue({ code: 'custom', path: ['tty'], message: `contradicts io.type ${params.io.type}` });
      }
      if (params.io?.type === 'pipe' && params.pipeStdin && params.io.stdin === 'closed') {
        context.addIssue({ code: 'custom', path: ['pipeStdin'], message: 'contradicts io.stdin closed' });
      }
    }),
  result: z.looseObject({ processId: z.string(), sandboxType: z.string().optional() }),
  errors: [
    { code: RpcCode.invalidParams, when: 'argv is empty, or a member is missing or wrong' },
    {
      code: RpcCode.invalidRequest,
      when: 'the processId is in use, the sandbox or the caps cannot be had, or the session has too many processes',
    },
    { code: RpcCode.overloaded, when: 'all sessions together have too many processes' },
    { code: RpcCode.internal, when: 'the operating system refuses: no such program, no permission, bad cwd' },
  ],
});

export const outputChunk = z.looseObject({
  seq: unsigned,
  stream: z.enum(['stdout', 'stderr', 'pty']),
  chunk: base64,
});

export const processRead = declareMethod({
  method: 'process/read',
  family: 'exec',
  since: '0.131',
  doc: 'Reads retained output by seq; waits for news when asked to.',
  params: z.looseObject({
    processId,
    afterSeq: optional(unsigned).meta({ description: 'Chunks with a higher seq are returned. Default 0.' }),
    maxBytes: optional(unsigned).meta({
      description: 'Whole chunks up to this many bytes, at least one. Default: no limit.',
    }),
    waitMs: optional(unsigned).meta({ description: 'Longest wait for news, ms. Default 0.' }),
  }),
  result: z.looseObject({
    chunks: z.array(outputChunk),
    nextSeq: unsigned,
    exited: z.boolean(),
    exitCode: z.number().int().nullable(),
    closed: z.boolean().optional(),
    failure: z.string().nullish(),
    sandboxDenied: z.boolean().optional(),
  }),
  errors: [unknownProcess, tooManyWaiting],
});

export const processWrite = declareMethod({
  method: 'process/write',
  family: 'exec',
  since: '0.131',
  doc: 'Writes bytes to stdin or to the terminal.',
  params: z.looseObject({
    processId,
    chunk: base64,
    writeId: optional(z.string().min(1, 'must not be empty')).meta({
      description: 'A write with an id that was accepted before is not written again.',
    }),
  }),
  result: z.looseObject({ status }),
  errors: [
    { code: RpcCode.invalidParams, when: 'chunk is no base64' },
    { code: RpcCode.internal, when: 'the process was terminated: `failed to write to process stdin`' },
    {
      code: RpcCode.overloaded,
      when: 'the process does not read and too many bytes wait for it, or too many requests wait',
    },
  ],
});

export const processTerminate = declareMethod({
  method: 'process/terminate',
  family: 'exec',
  since: '0.131',
  doc: 'Ends the whole process group; at once, or gracefully (extension).',
  params: z.looseObject({
    processId,
    mode: optional(
      z.discriminatedUnion('type', [
        z.looseObject({ type: z.literal('force') }),
        z.looseObject({ type: z.literal('graceful'), timeoutMs: unsigned }),
      ]),
    ).meta({ description: 'Extension: force (default), or graceful with a time limit in ms.' }),
  }),
  result: z.looseObject({ running: z.boolean() }),
});

export const processSignal = declareMethod({
  method: 'process/signal',
  family: 'exec',
  since: '0.169',
  doc: 'Sends SIGINT to the process group.',
  params: z.looseObject({ processId, signal: z.enum(['interrupt']) }),
  result: z.looseObject({}),
});

export const processCloseStdin = declareMethod({
  method: 'process/closeStdin',
  family: 'exec',
  since: 'extension',
  doc: 'Ends stdin after what was written; on a terminal byte 4 is written.',
  params: z.looseObject({ processId }),
  result: z.looseObject({ status }),
});

export const processResize = declareMethod({
  method: 'process/resize',
  family: 'exec',
  since: 'extension',
  doc: 'Sets the window size of a terminal.',
  params: z.looseObject({ processId, rows: dimension, cols: dimension }),
  result: z.looseObject({ status: z.enum(['accepted', 'notTty', 'exited', 'unknownProcess', 'starting']) }),
});

export const processWait = declareMethod({
  method: 'process/wait',
  family: 'exec',
  since: 'extension',
  doc: 'Waits until the process has exited or is closed.',
  params: z.looseObject({
    processId,
    until: z.enum(['exited', 'closed']).default('closed'),
    waitMs: optional(unsigned).meta({ description: 'Longest wait, ms; null waits without limit.' }),
  }),
  result: z.looseObject({
    exited: z.boolean(),
    exitCode: z.number().int().nullable(),
    closed: z.boolean(),
    timedOut: z.boolean(),
  }),
  errors: [unknownProcess, tooManyWaiting],
});

export const processSnapshot = declareMethod({
  method: 'process/snapshot',
  family: 'exec',
  since: 'extension',
  doc: 'All retained output at once, per stream, with the seq to go on from.',
  params: z.looseObject({
    processId,
    maxBytes: optional(unsigned).meta({ description: 'Per stream: head and tail halves are kept.' }),
  }),
  result: z.looseObject({
    stdout: base64,
    stderr: base64,
    terminal: base64,
    truncated: z.boolean(),
    droppedBytes: unsigned,
    exitCode: z.number().int().nullable(),
    running: z.boolean(),
    nextSeq: unsigned,
  }),
  errors: [unknownProcess],
});

export const processOutput = declareNotification({
  method: 'process/output',
  from: 'executor',
  since: '0.131',
  doc: 'A chunk of output.',
  params: outputChunk.extend({ processId }),
});

export const processExited = declareNotification({
  method: 'process/exited',
  from: 'executor',
  since: '0.131',
  doc: 'The child itself has ended.',
  params: z.looseObject({
    processId,
    seq: unsigned,
    exitCode: z.number().int(),
    sandboxDenied: z.boolean().optional(),
  }),
});

export const processClosed = declareNotification({
  method: 'process/closed',
  from: 'executor',
  since: '0.131',
  doc: 'Exited, and all output has been sent: nothing follows.',
  params: z.looseObject({ processId, seq: unsigned }),
});

export const processStarted = declareNotification({
  method: 'process/started',
  from: 'executor',
  since: 'extension',
  doc: 'After the answer to process/start; only when asked for in initialize.',
  params: z.looseObject({ processId }),
});

export const processFailed = declareNotification({
  method: 'process/failed',
  from: 'executor',
  since: 'extension',
  doc: 'The process cannot be watched any more; only when asked for in initialize.',
  params: z.looseObject({ processId, message: z.string() }),
});
