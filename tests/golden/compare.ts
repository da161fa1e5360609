// Compares what a server sent with what was recorded, by the rules of README.md. Pure: no sockets, no clock.
import { asObject, asString, isObject, type Json, type JsonObject } from '../helpers/json.ts';
import type { RecvStep } from './transcript.ts';

/** What the placeholders stand for in this run: `$TMP`, `$HTTP` from the start, `$SESSION…` once it was seen. */
export type Bindings = Map<string, string>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Replaces bound placeholders in a text, longest name first: `$SESSION2` before `$SESSION`. */
export function substitute(text: string, bindings: Bindings): string {
  let out = text;
  for (const name of [...bindings.keys()].sort((a, b) => b.length - a.length)) {
    out = out.replaceAll(name, bindings.get(name) ?? '');
  }
  return out;
}

/** Differences between a recorded value and a real one, as sentences; none when it fits. May bind `$SESSION…`. */
export function compareValue(
  recorded: Json,
  actual: Json | undefined,
  line: Pick<RecvStep, 'loose' | 'alt'>,
  bindings: Bindings,
  path = '',
): string[] {
  const where = path === '' ? 'the message' : path;
  if (actual === undefined) return [`${where} is missing`];
  const alternatives = line.alt[path];
  if (alternatives?.some((other) => compareValue(other, actual, { loose: [], alt: {} }, bindings, path).length === 0)) {
    return [];
  }
  if (line.loose.includes(path)) {
    return typeof actual === typeof recorded ? [] : [`${where} should be a ${typeof recorded}, is ${show(actual)}`];
  }
  if (Array.isArray(recorded)) return compareArray(recorded, actual, line, bindings, path);
  if (isObject(recorded)) {
    if (!isObject(actual)) return [`${where} should be an object, is ${show(actual)}`];
    return Object.entries(recorded).flatMap(([name, value]) =>
      compareValue(value, actual[name], line, bindings, path === '' ? name : `${path}.${name}`),
    );
  }
  if (typeof recorded === 'string') return compareText(recorded, actual, bindings, where);
  return recorded === actual ? [] : [`${where} should be ${show(recorded)}, is ${show(actual)}`];
}

function compareArray(
  recorded: Json[],
  actual: Json,
  line: Pick<RecvStep, 'loose' | 'alt'>,
  bindings: Bindings,
  path: string,
): string[] {
  if (!Array.isArray(actual)) return [`${path} should be an array, is ${show(actual)}`];
  if (actual.length !== recorded.length) {
    return [`${path} should have ${String(recorded.length)} elements, has ${show(actual)}`];
  }
  // A listing comes in directory order.
  const isListing = path.endsWith('entries');
  const [left, right] = isListing ? [sortByName(recorded), sortByName(actual)] : [recorded, actual];
  return left.flatMap((value, index) => compareValue(value, right[index], line, bindings, `${path}[${String(index)}]`));
}

function sortByName(entries: Json[]): Json[] {
  const name = (entry: Json): string => asString(asObject(entry)['fileName']);
  return [...entries].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

function compareText(recorded: string, actual: Json, bindings: Bindings, where: string): string[] {
  if (recorded === '$MS') {
    const isTime = typeof actual === 'number' && Number.isInteger(actual) && actual >= 0;
    return isTime ? [] : [`${where} should be a time in ms, is ${show(actual)}`];
  }
  if (/^\$SESSION\d*$/.test(recorded) && !bindings.has(recorded)) {
    if (typeof actual !== 'string' || !UUID.test(actual)) return [`${where} should be a UUID, is ${show(actual)}`];
    if ([...bindings.values()].includes(actual)) return [`${where} should be a new id, is ${actual} again`];
    bindings.set(recorded, actual);
    return [];
  }
  const expected = substitute(recorded, bindings);
  return expected === actual ? [] : [`${where} should be ${show(expected)}, is ${show(actual)}`];
}

function show(value: Json): string {
  return JSON.stringify(value).slice(0, 200);
}

// --- a whole connection ------------------------------------------------------------------------------------------------

function isAnswer(message: Json): message is JsonObject {
  return isObject(message) && !('method' in message);
}

/** Notifications are compared among those of one process or one body stream. */
function subjectOf(message: Json): string {
  const params = isObject(message) && isObject(message['params']) ? message['params'] : {};
  return JSON.stringify([params['processId'] ?? null, params['requestId'] ?? null]);
}

function seqOf(message: Json): number {
  const params = isObject(message) && isObject(message['params']) ? message['params'] : {};
  return Number(params['seq'] ?? 0);
}

function groupBySubject<T>(items: readonly T[], messageOf: (item: T) => Json): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = subjectOf(messageOf(item));
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  for (const group of groups.values()) group.sort((a, b) => seqOf(messageOf(a)) - seqOf(messageOf(b)));
  return groups;
}

function recordedMessage(line: RecvStep): Json {
  return line.msg ?? null;
}

/**
 * Whether all that was recorded so far has arrived, so that the next line may be sent. Looks at numbers and byte
 * counts, not at values: a wrong value shall be reported, not waited for.
 */
export function hasArrived(lines: readonly RecvStep[], actual: readonly Json[], compare: 'exact' | 'merge'): boolean {
  const wanted = lines.filter((line) => !line.optional);
  const answersWanted = wanted.filter((line) => isAnswer(recordedMessage(line))).length;
  if (actual.filter(isAnswer).length < answersWanted) return false;
  const groups = groupBySubject(
    actual.filter((message) => !isAnswer(message)),
    (message) => message,
  );
  for (const [subject, group] of groupBySubject(
    wanted.filter((line) => !isAnswer(recordedMessage(line))),
    recordedMessage,
  )) {
    const arrived = groups.get(subject) ?? [];
    const isOutput = (message: Json): boolean => isObject(message) && message['method'] === 'process/output';
    const events = (messages: readonly Json[]): number => messages.filter((message) => !isOutput(message)).length;
    const recorded = group.map(recordedMessage);
    if (events(arrived) < events(recorded)) return false;
    const size = (messages: readonly Json[]): number =>
      compare === 'merge' ? outputOf(messages).length : messages.filter(isOutput).length;
    if (size(arrived) < size(recorded)) return false;
  }
  return true;
}

/** All differences of one connection: recorded lines against everything that came, in order of arrival. */
export function compareConnection(
  lines: readonly RecvStep[],
  actual: readonly Json[],
  compare: 'exact' | 'merge',
  bindings: Bindings,
): string[] {
  return [
    ...compareAnswers(
      lines.filter((line) => isAnswer(recordedMessage(line))),
      actual.filter(isAnswer),
      bindings,
    ),
    ...compareNotifications(
      lines.filter((line) => !isAnswer(recordedMessage(line))),
      actual.filter((message) => !isAnswer(message)),
      compare,
      bindings,
    ),
  ];
}

/** Answers come in the order of the requests: the recorded order. The id's type matters. */
function compareAnswers(lines: readonly RecvStep[], actual: readonly JsonObject[], bindings: Bindings): string[] {
  const differences: string[] = [];
  lines.forEach((line, index) => {
    const recorded = asObject(recordedMessage(line));
    const answer = actual[index];
    const id = `answer ${JSON.stringify(recorded['id'])}`;
    if (!answer) {
      differences.push(`${id}: missing`);
      return;
    }
    // `{"result": …}` beside `{"error": …}`: members beyond the recorded are allowed, but not the other kind of answer.
    const hasOtherKind = 'error' in recorded ? 'result' in answer : 'error' in answer;
    const found = compareValue(recorded, answer, line, bindings);
    if (hasOtherKind) found.unshift(`should be ${'error' in recorded ? 'an error' : 'a result'}, is ${show(answer)}`);
    differences.push(...found.map((difference) => `${id}: ${difference}`));
  });
  for (const extra of actual.slice(lines.length)) differences.push(`left over: ${show(extra)}`);
  return differences;
}

function compareNotifications(
  lines: readonly RecvStep[],
  actual: readonly Json[],
  compare: 'exact' | 'merge',
  bindings: Bindings,
): string[] {
  const recordedGroups = groupBySubject(lines, recordedMessage);
  const actualGroups = groupBySubject(actual, (message) => message);
  const differences: string[] = [];
  for (const [subject, group] of recordedGroups) {
    const arrived = actualGroups.get(subject) ?? [];
    const found =
      compare === 'merge' ? compareMerged(group, arrived, bindings) : compareInOrder(group, arrived, bindings);
    differences.push(...found.map((difference) => `events of ${subject}: ${difference}`));
  }
  for (const [subject, group] of actualGroups) {
    if (!recordedGroups.has(subject)) differences.push(...group.map((extra) => `left over: ${show(extra)}`));
  }
  return differences;
}

function compareInOrder(lines: readonly RecvStep[], actual: readonly Json[], bindings: Bindings): string[] {
  const differences: string[] = [];
  let next = 0;
  for (const line of lines) {
    const message = actual[next];
    const found = compareValue(recordedMessage(line), message, line, bindings);
    if (found.length > 0 && line.optional) continue;
    differences.push(...found);
    if (message !== undefined) next++;
  }
  for (const extra of actual.slice(next)) differences.push(`left over: ${show(extra)}`);
  return differences;
}

/** Output by bytes per stream, without `seq`; exited and closed must be there, closed with the highest seq. */
function compareMerged(lines: readonly RecvStep[], actual: readonly Json[], bindings: Bindings): string[] {
  const isOutput = (message: Json): boolean => isObject(message) && message['method'] === 'process/output';
  const recordedOutput = lines.filter((line) => isOutput(recordedMessage(line)));
  const got = outputOf(actual);
  const fits = withAndWithoutOptional(recordedOutput).some((some) => outputOf(some.map(recordedMessage)) === got);
  const differences = fits
    ? []
    : [`output should be ${show(outputOf(recordedOutput.map(recordedMessage)))}, is ${show(got)}`];
  const withoutSeq = (message: Json): Json => {
    const { params, ...rest } = asObject(message);
    const { seq: _seq, ...others } = asObject(params);
    return { ...rest, params: others };
  };
  const recordedEvents = lines
    .filter((line) => !isOutput(recordedMessage(line)))
    .map((line) => ({ ...line, msg: withoutSeq(recordedMessage(line)) }));
  const events = actual.filter((message) => !isOutput(message)).map(withoutSeq);
  differences.push(...compareInOrder(recordedEvents, events, bindings));
  const last = actual.at(-1);
  if (recordedEvents.length > 0 && (!isObject(last) || last['method'] !== 'process/closed')) {
    differences.push(`closed should have the highest seq, ${show(last ?? null)} has`);
  }
  return differences;
}

/** Every choice of the optional lines; there are one or two of them in a recording. */
function withAndWithoutOptional(lines: readonly RecvStep[]): RecvStep[][] {
  return lines.reduce<RecvStep[][]>(
    (choices, line) => choices.flatMap((choice) => (line.optional ? [choice, [...choice, line]] : [[...choice, line]])),
    [[]],
  );
}

/** Output as `stream:hex` per stream, so that equal output has equal text. */
function outputOf(messages: readonly Json[]): string {
  const streams = new Map<string, string>();
  for (const message of messages) {
    if (!isObject(message) || message['method'] !== 'process/output') continue;
    const params = asObject(message['params']);
    const { chunk } = params;
    const stream = show(params['stream'] ?? null);
    // What is no base64 text is kept as it is, to be seen in the difference.
    const hex = typeof chunk === 'string' ? Buffer.from(chunk, 'base64').toString('hex') : show(chunk ?? null);
    streams.set(stream, (streams.get(stream) ?? '') + hex);
  }
  return [...streams].map(([stream, hex]) => `${stream}:${hex}`).join(' ');
}
