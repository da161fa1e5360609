// Where our server shall not do as 0.131.0 was recorded doing (DESIGN: "Decisions where peers differ"), and which session
// is played over which transport. The recordings stay as they are; these tables bend them.
import { readFileSync } from 'node:fs';
import { asObject, isObject, type Json } from '../helpers/json.ts';
import type { RecvStep, Scenario, Step } from '../../shared/scenario/scenario.ts';

export type Transport = 'serve' | 'exec-server ws' | 'exec-server stdio';

export const transports: readonly Transport[] = ['serve', 'exec-server ws', 'exec-server stdio'];

/** Sessions that a transport cannot carry, and why. */
const notOver: Record<Transport, Record<string, string>> = {
  serve: {
    '60-stdio': 'newline framing exists on stdio only',
    '61-listener-http': 'serve has an HTTP surface of its own: the page, tokens, health and metrics',
  },
  'exec-server ws': { '60-stdio': 'newline framing exists on stdio only' },
  'exec-server stdio': {
    '30-session-resume': 'stdio is one connection; the program ends with it',
    '31-session-errors': 'stdio is one connection; the program ends with it',
    '61-listener-http': 'stdio listens on no port',
  },
};

/** Messages that have no counterpart on stdio; left out there with their answers. */
const noMessageOverStdio: Record<string, readonly string[]> = {
  // An empty line is skipped, and a line that is not UTF-8 ends the connection (protocol: stdio).
  '03-envelope-malformed': ['', Buffer.from('//4=', 'base64').toString('latin1')],
};

/** Why `scenario` is not played over `transport`, or undefined when it is. */
export function whyNotOver(transport: Transport, scenario: string): string | undefined {
  return notOver[transport][scenario];
}

type Rewrite = (line: RecvStep) => RecvStep | undefined;

function idOf(line: RecvStep): Json | undefined {
  return isObject(line.msg) ? line.msg['id'] : undefined;
}

/** Replaces the recorded line of one id. */
function answerTo(id: number, msg: Json, alt: RecvStep['alt'] = {}): Rewrite {
  return (line) => (idOf(line) === id ? { ...line, msg, alt, loose: [] } : undefined);
}

function tryReadBase64(path: string): string {
  return readFileSync(path).toString('base64');
}

/** Per session: the first rewrite that returns a line wins. */
const decisions: Record<string, readonly Rewrite[]> = {
  '23-terminate-tty': [
    // A child killed by a signal exits with 128 + the signal, on a terminal too.
    (line) => {
      if (!isObject(line.msg) || line.msg['method'] !== 'process/exited') return undefined;
      return { ...line, msg: { ...line.msg, params: { ...asObject(line.msg['params']), exitCode: 137 } } };
    },
  ],
  '26-head-of-line': [
    // A waiting read holds up nothing behind it; it comes back when the process it waits for ends.
    answerTo(
      3,
      { id: 3, result: { chunks: [], nextSeq: 2, exited: true, exitCode: 137, closed: false, failure: null } },
      { 'result.nextSeq': [3], 'result.closed': [true] },
    ),
  ],
  '41-fs-errors': [
    // file: URIs are paths, and fs/canonicalize is there.
    answerTo(9, { id: 9, result: { dataBase64: tryReadBase64('/etc/hostname') } }),
    answerTo(20, { id: 20, result: { path: '$TMP' } }),
  ],
  '61-listener-http': [
    // Any Origin is refused; recorded as accepted by 0.131.0, refused by 0.169.0.
    (line) => ('status' in line.alt ? { ...line, http: { status: 403 }, alt: {} } : undefined),
  ],
};

/** Decisions that hold in every session: of two versions' values, ours is the newer one's. */
const newer: Readonly<Record<string, Json>> = { 'params.exitCode': 137, 'error.code': -32010 };

function preferNewer(line: RecvStep): RecvStep {
  if (!isObject(line.msg)) return line;
  let msg = line.msg;
  const alt = { ...line.alt };
  for (const [path, value] of Object.entries(newer)) {
    if (!alt[path]?.includes(value)) continue;
    const [outer = '', inner = ''] = path.split('.');
    msg = { ...msg, [outer]: { ...asObject(msg[outer]), [inner]: value } };
    Reflect.deleteProperty(alt, path);
  }
  // The text for a malformed message is the JSON library's; only code and id count.
  const loose = msg['id'] === -1 ? [...line.loose, 'error.message'] : line.loose;
  return { ...line, msg, alt, loose };
}

/** The session as our server shall play it over `transport`. */
export function ours(transcript: Scenario, transport: Transport): Scenario {
  const rewrites = decisions[transcript.scenario] ?? [];
  let steps: Step[] = transcript.steps.map((step) => {
    if (step.dir !== 'recv') return step;
    const preferred = preferNewer(step);
    return rewrites.map((rewrite) => rewrite(preferred)).find((line) => line !== undefined) ?? preferred;
  });
  if (transcript.scenario === '26-head-of-line') steps = moveLast(steps, (step) => idOf(step) === 3);
  if (transcript.scenario === '61-listener-http') steps = answerHealthz(steps);
  if (transport === 'exec-server stdio') steps = leaveOut(steps, noMessageOverStdio[transcript.scenario] ?? []);
  return { ...transcript, steps };
}

/** For answers that come later than recorded. */
function moveLast(steps: Step[], isMoved: (line: RecvStep) => boolean): Step[] {
  const moved = (step: Step): boolean => step.dir === 'recv' && isMoved(step);
  return [...steps.filter((step) => !moved(step)), ...steps.filter(moved)];
}

/** `/healthz` answers beside `/readyz`. */
function answerHealthz(steps: Step[]): Step[] {
  return steps.map((step, index) => {
    const before = steps[index - 1];
    if (step.dir !== 'recv' || before?.dir !== 'http' || before.request.path !== '/healthz') return step;
    return { ...step, http: { status: 200 } };
  });
}

/** Leaves out the sends of these messages and the one answer that follows each. */
function leaveOut(steps: Step[], messages: readonly string[]): Step[] {
  const isLeftOut = (step: Step | undefined): boolean =>
    (step?.dir === 'send' && messages.includes(step.text)) ||
    (step?.dir === 'sendBytes' && messages.includes(Buffer.from(step.bytes).toString('latin1')));
  return steps.filter((step, index) => !isLeftOut(step) && !(step.dir === 'recv' && isLeftOut(steps[index - 1])));
}
