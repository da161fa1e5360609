// Compares everything that came on one connection with what a scenario expects of it. Pure.

import { tryBase64Decode } from '../bytes.ts';
import { compareValue, show, type Bindings, type ValueDifference } from './compare.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import type { RecvStep, Scenario } from './scenario.ts';

export interface Difference {
  /** `missing`: nothing came. `surplus`: something came that nothing expects. `different`: something else came. */
  readonly kind: 'different' | 'missing' | 'surplus';
  /** Of the scenario; undefined where the difference belongs to none. */
  readonly line?: number | undefined;
  readonly conn: string;
  /** What it is about: "answer 3", "events of p1"; '' for the connection itself. */
  readonly about: string;
  /** Of the member; '' for the whole. */
  readonly path: string;
  /** For people, without `about`. */
  readonly text: string;
}

type Rules = Pick<Scenario, 'compare' | 'answers'>;
type Found = Omit<Difference, 'conn'>;

/** One line: "line 4: answer 2: result.exitCode should be 0, is 1". */
export function differenceText({ line, about, text }: Pick<Difference, 'line' | 'about' | 'text'>): string {
  return [line === undefined ? '' : `line ${line}`, about, text].filter((part) => part !== '').join(': ');
}

/** All differences of one connection: what is expected against everything that came, in order of arrival. */
export function compareConnection(
  steps: readonly RecvStep[],
  actual: readonly Json[],
  rules: Rules,
  bindings: Bindings,
): Found[] {
  return [
    ...compareAnswers(steps, actual, rules.answers, bindings),
    ...compareNotifications(
      steps.filter((step) => !isAnswer(messageOf(step))),
      actual.filter((message) => !isAnswer(message)),
      rules.compare,
      bindings,
    ),
  ];
}

/** The id's type matters. Pass all steps and messages: others than answers are left aside. */
export function compareAnswers(
  steps: readonly RecvStep[],
  actual: readonly Json[],
  order: Scenario['answers'],
  bindings: Bindings,
): Found[] {
  const differences: Found[] = [];
  const { pairs, surplus } = pairAnswers(steps, actual, order);
  for (const [step, answer] of pairs) {
    const expected = asAnswer(messageOf(step));
    const about = `answer ${show(expected['id'] ?? null)}`;
    if (!answer) {
      if (!step.optional) differences.push({ kind: 'missing', line: step.line, about, path: '', text: 'missing' });
      continue;
    }
    // `{"result": …}` beside `{"error": …}`: members beyond the expected are allowed, but not the other kind of answer.
    const hasOtherKind = 'error' in expected ? 'result' in answer : 'error' in answer;
    const found: ValueDifference[] = compareValue(expected, answer, step, bindings);
    if (hasOtherKind) {
      const text = `should be ${'error' in expected ? 'an error' : 'a result'}, is ${show(answer)}`;
      found.unshift({ path: '', text });
    }
    differences.push(...found.map((one) => ({ kind: 'different' as const, line: step.line, about, ...one })));
  }
  return [...differences, ...surplus.map(surplusOf)];
}

/** The answers that are expected, each with the one that came for it; and those that nothing expects. */
function pairAnswers(
  steps: readonly RecvStep[],
  actual: readonly Json[],
  order: Scenario['answers'],
): { readonly pairs: ReadonlyMap<RecvStep, JsonObject | undefined>; readonly surplus: readonly JsonObject[] } {
  const arrived = actual.filter(isAnswer);
  const left = new Set(arrived);
  const pairs = new Map<RecvStep, JsonObject | undefined>();
  for (const [index, step] of steps.filter((one) => isAnswer(messageOf(one))).entries()) {
    const { id: expectedId } = asAnswer(messageOf(step));
    const answer = order === 'ordered' ? arrived[index] : [...left].find(({ id }) => id === expectedId);
    if (answer) left.delete(answer);
    pairs.set(step, answer);
  }
  return { pairs, surplus: [...left] };
}

/** What came for a step: the answer that is its, or the first notification that is as it says. */
export function messageFor(
  step: RecvStep,
  steps: readonly RecvStep[],
  actual: readonly Json[],
  order: Scenario['answers'],
  bindings: ReadonlyMap<string, string>,
): Json | undefined {
  if (isAnswer(messageOf(step))) return pairAnswers(steps, actual, order).pairs.get(step);
  return actual.find(
    (message) => !isAnswer(message) && compareValue(messageOf(step), message, step, new Map(bindings)).length === 0,
  );
}

/**
 * Whether all that is expected so far has arrived, so that the next step may be taken. Looks at numbers and byte counts,
 * not at values: a wrong value shall be reported, not waited for.
 */
export function hasArrived(steps: readonly RecvStep[], actual: readonly Json[], compare: Scenario['compare']): boolean {
  const wanted = steps.filter((step) => !step.optional).map(messageOf);
  if (actual.filter(isAnswer).length < wanted.filter(isAnswer).length) return false;
  const isEvent = (message: Json) => !isAnswer(message);
  const groups = groupBySubject(actual.filter(isEvent), (message) => message);
  for (const [subject, expected] of groupBySubject(wanted.filter(isEvent), (message) => message)) {
    const arrived = groups.get(subject) ?? [];
    const events = (messages: readonly Json[]) => messages.filter((message) => !isOutput(message)).length;
    if (events(arrived) < events(expected)) return false;
    const size = (messages: readonly Json[]) =>
      compare === 'merge' ? outputOf(messages).length : messages.filter(isOutput).length;
    if (size(arrived) < size(expected)) return false;
  }
  return true;
}

function compareNotifications(
  steps: readonly RecvStep[],
  actual: readonly Json[],
  compare: Scenario['compare'],
  bindings: Bindings,
): Found[] {
  const expectedGroups = groupBySubject(steps, messageOf);
  const actualGroups = groupBySubject(actual, (message) => message);
  const differences: Found[] = [];
  for (const [subject, group] of expectedGroups) {
    const arrived = actualGroups.get(subject) ?? [];
    const found =
      compare === 'merge' ? compareMerged(group, arrived, bindings) : compareInOrder(group, arrived, bindings);
    differences.push(...found.map((one) => ({ ...one, about: `events of ${subject}` })));
  }
  for (const [subject, group] of actualGroups) {
    if (!expectedGroups.has(subject)) differences.push(...group.map(surplusOf));
  }
  return differences;
}

function compareInOrder(steps: readonly RecvStep[], actual: readonly Json[], bindings: Bindings): Found[] {
  const differences: Found[] = [];
  let next = 0;
  for (const step of steps) {
    const message = actual[next];
    const found = compareValue(messageOf(step), message, step, bindings);
    if (found.length > 0 && step.optional) continue;
    const kind = message === undefined ? 'missing' : 'different';
    differences.push(...found.map((one) => ({ kind, line: step.line, about: '', ...one }) as const));
    if (message !== undefined) next++;
  }
  return [...differences, ...actual.slice(next).map(surplusOf)];
}

/** Output by bytes per stream, without `seq`; exited and closed must be there, closed with the highest seq. */
function compareMerged(steps: readonly RecvStep[], actual: readonly Json[], bindings: Bindings): Found[] {
  const outputSteps = steps.filter((step) => isOutput(messageOf(step)));
  const got = outputOf(actual);
  const differences: Found[] = [];
  if (!withAndWithoutOptional(outputSteps).some((some) => outputOf(some.map(messageOf)) === got)) {
    const text = `output should be ${show(outputOf(outputSteps.map(messageOf)))}, is ${show(got)}`;
    differences.push({ kind: 'different', line: outputSteps[0]?.line, about: '', path: '', text });
  }
  const eventSteps = steps
    .filter((step) => !isOutput(messageOf(step)))
    .map((step) => ({ ...step, msg: withoutSeq(messageOf(step)) }));
  const events = actual.filter((message) => !isOutput(message)).map(withoutSeq);
  differences.push(...compareInOrder(eventSteps, events, bindings));
  const last = actual.at(-1) ?? null;
  const endsClosed = eventSteps.some((step) => isObject(step.msg) && step.msg['method'] === 'process/closed');
  if (endsClosed && (!isObject(last) || last['method'] !== 'process/closed')) {
    const text = `closed should have the highest seq, ${show(last)} has`;
    differences.push({ kind: 'different', line: eventSteps.at(-1)?.line, about: '', path: '', text });
  }
  return differences;
}

/** Every choice of the optional steps; there are one or two of them in a scenario. */
function withAndWithoutOptional(steps: readonly RecvStep[]): RecvStep[][] {
  return steps.reduce<RecvStep[][]>(
    (choices, step) => choices.flatMap((choice) => (step.optional ? [choice, [...choice, step]] : [[...choice, step]])),
    [[]],
  );
}

/** Output as `stream:hex` per stream, so that equal output has equal text. */
function outputOf(messages: readonly Json[]): string {
  const streams = new Map<string, string>();
  for (const message of messages) {
    if (!isOutput(message)) continue;
    const { stream = null, chunk = null } = paramsOf(message);
    // What is no base64 text is kept as it is, to be seen in the difference.
    const bytes = typeof chunk === 'string' ? tryBase64Decode(chunk) : undefined;
    const hex = bytes ? Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('') : show(chunk);
    streams.set(show(stream), (streams.get(show(stream)) ?? '') + hex);
  }
  return [...streams].map(([stream, hex]) => `${stream}:${hex}`).join(' ');
}

/** Notifications are compared among those of one process or one body stream, in the order of seq. */
function groupBySubject<T>(items: readonly T[], messageOf: (item: T) => Json): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const { processId = null, requestId = null } = paramsOf(messageOf(item));
    const key = JSON.stringify([processId, requestId]);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  const seq = (item: T) => Number(paramsOf(messageOf(item))['seq'] ?? 0);
  for (const group of groups.values()) group.sort((a, b) => seq(a) - seq(b));
  return groups;
}

function withoutSeq(message: Json): Json {
  if (!isObject(message)) return message;
  const { seq: _, ...params } = paramsOf(message);
  return { ...message, params };
}

function paramsOf(message: Json): JsonObject {
  return isObject(message) && isObject(message['params']) ? message['params'] : {};
}

function isOutput(message: Json): boolean {
  return isObject(message) && message['method'] === 'process/output';
}

function isAnswer(message: Json): message is JsonObject {
  return isObject(message) && !('method' in message);
}

function asAnswer(message: Json): JsonObject {
  return isObject(message) ? message : {};
}

function messageOf(step: RecvStep): Json {
  return step.msg ?? null;
}

function surplusOf(message: Json): Found {
  return { kind: 'surplus', about: '', path: '', text: `left over: ${show(message)}` };
}
