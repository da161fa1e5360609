// JSON-RPC messages as a hostile harness sends them: of every method, in and out of shape, then damaged. What could do harm
// to the machine is left out: a program, a path or a URL in a message is one of those below, or one that cannot exist.
import { methods } from '../../shared/protocol/methods.ts';
import type { Random } from '../simulation/random.ts';
import { mutate } from './mutate.ts';

/** Nothing is there, and nothing can be made there: `/dev/null` is no folder. */
const NOWHERE = '/dev/null/fuzz';
const paths = [NOWHERE, `file://${NOWHERE}`, `${NOWHERE}/%00`, `${NOWHERE}/\0`, `${NOWHERE}/${'x'.repeat(5_000)}`];
/** Read, never changed. */
const readPaths = [...paths, '/', 'file:///', 'file://host/x', '/proc/self/stat', '/dev/zero', '/etc', 'relative', ''];
/** Port 1 of loopback: nobody listens. */
const urls = [
  'http://127.0.0.1:1/',
  'http://127.0.0.1:1/%',
  'http://[::1]:1/',
  'ftp://127.0.0.1/',
  'http://',
  '//',
  'x',
];
const programs = ['/bin/true', '/bin/cat', `${NOWHERE}/program`, ''];
/** Methods that change something, start or call something, or look at a whole tree. Everything else only looks. */
const CHANGING = /^(?:process\/start|fs\/(?:write|create|remove|copy|open|walk|watch)|http\/)/;

/** Members of params, with values that fit somewhere. */
const members = {
  processId: ['p', 'p1', '', 'x'.repeat(1_000), '__proto__'],
  argv: [['/bin/true'], ['/bin/cat'], [''], [], [`${NOWHERE}/program`], ['/bin/true', 'a'.repeat(2_000)]],
  cwd: ['/', NOWHERE, ''],
  env: [{}, { A: 'b' }, { '': '' }, { 'A=': '\0' }],
  tty: [true, false],
  pipeStdin: [true, false],
  arg0: [null, '', 'name'],
  chunk: ['', 'AAAA', 'AA==', 'A', '////', 'not base64'],
  writeId: ['w', ''],
  afterSeq: [0, -1, 1, 2 ** 53, 1e308],
  maxBytes: [0, 1, 65_536, -1, 2 ** 32],
  waitMs: [0, 1, 5, 2 ** 31, 2 ** 53],
  rows: [0, 1, 24, 65_536],
  cols: [0, 1, 80, -1],
  signal: ['interrupt', 'kill', 9],
  mode: [{ type: 'force' }, { type: 'graceful', timeoutMs: 1 }, {}, 'force'],
  path: readPaths,
  sourcePath: paths,
  destinationPath: paths,
  dataBase64: ['', 'AAAA', '?'],
  recursive: [true, false],
  handleId: ['h', '', 'x'.repeat(40)],
  offset: [0, 1, -1, 2 ** 53],
  length: [0, 1, 2 ** 20, 2 ** 40],
  requestId: ['r', ''],
  method: ['GET', 'POST', ''],
  url: urls,
  headers: [[], [{ name: 'a', value: 'b' }], {}],
  timeoutMs: [0, 1, 2 ** 53],
  streamResponse: [true, false],
  clientName: ['fuzz', ''],
  resumeSessionId: ['00000000-0000-4000-8000-000000000000', '', null],
  sandbox: [5, {}, { type: 'unknown' }],
  envPolicy: [{}, { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] }],
} as const satisfies Readonly<Record<string, readonly unknown[]>>;

const names = Object.keys(members);
const anything: readonly [unknown, ...unknown[]] = [
  null,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  [],
  {},
  true,
  [[]],
  [{}],
  '\ud800',
];
const ids: readonly [unknown, ...unknown[]] = [0, 1, -1, 'a', '', null, 1.5, {}, 2 ** 53, true];
const methodNames = [...methods.keys(), 'no/such', '', '__proto__', 'initialized'];
const values = new Map<string, readonly unknown[]>(Object.entries(members));

function pick(random: Random, from: readonly unknown[]): unknown {
  return from[random.between(0, from.length - 1)];
}

/** Members that fit each method, learned from its declaration: all names that it knows. */
function fitting(method: string): readonly string[] {
  const params = methods.get(method)?.params;
  const shape: unknown = params !== undefined && 'shape' in params ? params.shape : undefined;
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : names;
}

function message(random: Random): string {
  const method = String(pick(random, methodNames));
  const params: Record<string, unknown> = {};
  for (const name of fitting(method)) {
    if (random.chance(0.1)) continue;
    params[name] = random.chance(0.05) ? random.pick(anything) : pick(random, values.get(name) ?? anything);
  }
  if (random.chance(0.1)) params[String(pick(random, names))] = random.pick(anything);
  const whole: Record<string, unknown> = {
    id: random.chance(0.1) ? random.pick(ids) : random.between(1, 1_000_000),
    method,
    params: random.chance(0.03) ? random.pick(anything) : params,
  };
  if (random.chance(0.02)) delete whole['method'];
  if (random.chance(0.05)) whole['trace'] = random.pick(anything);
  return JSON.stringify(whole);
}

/** One message, damaged in two of three cases. It does no harm, and does not end the connection. */
export function fuzzedMessage(random: Random): Uint8Array {
  for (;;) {
    const whole = Buffer.from(message(random));
    const bytes = random.chance(0.67) ? mutate(whole, random) : whole;
    const lines = Buffer.from(bytes).toString('utf8').split('\n');
    if ([...lines, lines.join('\n')].every((line) => isHarmless(line) && !endsConnection(line))) return bytes;
  }
}

/** True for what a message may ask for here; what cannot be parsed asks for nothing. */
export function isHarmless(text: string): boolean {
  const parsed = tryParse(text);
  if (typeof parsed !== 'object' || parsed === null || !('method' in parsed) || !('params' in parsed)) return true;
  if (typeof parsed.method !== 'string' || !CHANGING.test(parsed.method)) return true;
  const { params } = parsed;
  if (parsed.method === 'process/start') return firstStringsIn(params).every((s) => programs.includes(s));
  if (parsed.method.startsWith('http/')) return stringsIn(params).every((s) => !/:|\/\//.test(s) || urls.includes(s));
  return stringsIn(params).every((s) => !/^\s*(?:\/|file:)/i.test(s) || isNowhere(s));
}

function isNowhere(path: string): boolean {
  return /^(?:file:\/\/)?\/dev\/null\/fuzz/.test(path) && !/\.\.|%2e/i.test(path);
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}

/** First elements of all arrays in it: params may come by position, so any of them may be an argv. */
function firstStringsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  const rest = Object.values(value).flatMap(firstStringsIn);
  return Array.isArray(value) && typeof first === 'string' ? [first, ...rest] : rest;
}

/** As docs/protocol.md says: an unknown notification, and an answer that nobody asked for, end the connection. */
function endsConnection(text: string): boolean {
  const parsed = tryParse(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return false;
  if ('method' in parsed) return !('id' in parsed) && parsed.method !== 'initialized';
  return 'id' in parsed && ('result' in parsed || 'error' in parsed);
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
