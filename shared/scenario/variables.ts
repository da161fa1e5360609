// Variables of a scenario: values that are given once, or saved from an answer, and named `{{name}}` in its steps
// (docs/recordings.md "Variables"). Pure.

import { LocalError } from '../errors.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import type { Scenario, Step } from './scenario.ts';

/** What the meta line declares: a default, whose kind other values must have, or null: a text that must be given. */
export type VariableDefault = string | number | boolean | null;
type Values = ReadonlyMap<string, Json>;

export const variableName = /^[A-Za-z_]\w*$/;
const use = /\{\{([A-Za-z_]\w*)\}\}/g;
const onlyUse = /^\{\{([A-Za-z_]\w*)\}\}$/;

/** The names that a text uses, each once. */
function usedVariables(text: string): readonly string[] {
  return [...new Set(Array.from(text.matchAll(use), ([, name = '']) => name))];
}

/** Texts as they are, anything else as JSON. What has no value stays as it is. */
function fillText(text: string, values: Values): string {
  return text.replace(use, (whole, name: string) => {
    const value = values.get(name);
    return value === undefined ? whole : typeof value === 'string' ? value : JSON.stringify(value);
  });
}

/** A text that is one variable and nothing else becomes its value: `"{{count}}"` a number. */
function fillJson(value: Json, values: Values): Json {
  if (typeof value === 'string') {
    const name = onlyUse.exec(value)?.[1];
    return (name === undefined ? undefined : values.get(name)) ?? fillText(value, values);
  }
  if (Array.isArray(value)) return value.map((item) => fillJson(item, values));
  return isObject(value) ? fillObject(value, values) : value;
}

/** Names of members, too. */
function fillObject(object: JsonObject, values: Values): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([name, member]) => [fillText(name, values), fillJson(member, values)]),
  );
}

/** The variables of a step. */
export function usesOf(step: Step): readonly string[] {
  switch (step.dir) {
    case 'send':
      return usedVariables(step.text);
    case 'recv':
      return usedVariables(JSON.stringify([step.msg ?? null, step.http ?? null, step.alt]));
    case 'http':
      return usedVariables(JSON.stringify(step.request));
    default:
      return [];
  }
}

/** The step with the values in it. */
export function fillStep(step: Step, values: Values): Step {
  switch (step.dir) {
    case 'send':
      return step.msg === undefined
        ? { ...step, text: fillText(step.text, values) }
        : { ...step, text: JSON.stringify(fillJson(step.msg, values)) };
    case 'recv':
      return {
        ...step,
        ...(step.msg === undefined ? {} : { msg: fillJson(step.msg, values) }),
        ...(step.http === undefined ? {} : { http: fillObject(step.http, values) }),
        alt: Object.fromEntries(
          Object.entries(step.alt).map(([path, others]) => [path, others.map((other) => fillJson(other, values))]),
        ),
      };
    case 'http': {
      const { method, path, headers } = step.request;
      const filled = Object.entries(headers).map(([name, value]) => [name, fillText(value, values)] as const);
      return { ...step, request: { method, path: fillText(path, values), headers: Object.fromEntries(filled) } };
    }
    default:
      return step;
  }
}

/** @returns the first step that uses a variable that neither is known nor was saved before it. */
export function firstUnknown(
  steps: readonly Step[],
  isKnown: (name: string) => boolean,
): { readonly step: Step; readonly name: string } | undefined {
  const saved = new Set<string>();
  for (const step of steps) {
    const name = usesOf(step).find((used) => !isKnown(used) && !saved.has(used));
    if (name !== undefined) return { step, name };
    if (step.dir === 'recv') for (const target of Object.keys(step.save ?? {})) saved.add(target);
  }
  return undefined;
}

/**
 * The values that a run begins with.
 * @param given By name, as typed.
 * @throws LocalError `invalid-argument` that names the variable: not declared, of another kind, or needed by a step (named,
 * too) and without a value.
 */
export function startingValues(
  { steps, variables }: Pick<Scenario, 'steps' | 'variables'>,
  given: ReadonlyMap<string, string>,
): Map<string, Json> {
  const values = new Map<string, Json>();
  for (const [name, preset] of variables ?? []) if (preset !== null) values.set(name, preset);
  for (const [name, text] of given) {
    const preset = variables?.get(name);
    if (preset === undefined)
      throw new LocalError('invalid-argument', unknownGiven(name, [...(variables?.keys() ?? [])]));
    values.set(name, ofKind(name, text, preset));
  }
  const unknown = variables && firstUnknown(steps, (name) => values.has(name));
  if (unknown) {
    const { step, name } = unknown;
    const where = `line ${step.line} of the scenario: ${step.dir} uses {{${name}}}, which has no value`;
    throw new LocalError('invalid-argument', `${where}: give it one, or a default in "vars" of the first line`);
  }
  return values;
}

function unknownGiven(name: string, declared: readonly string[]): string {
  const known = declared.length === 0 ? 'declares none' : `declares ${declared.join(', ')}`;
  return `unknown variable ${name}: the first line of the scenario ${known}`;
}

function ofKind(name: string, text: string, preset: VariableDefault): Json {
  if (preset === null || typeof preset === 'string') return text;
  if (typeof preset === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (typeof preset === 'number' && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  throw new LocalError('invalid-argument', `variable ${name}: expected a ${typeof preset}, got ${text}`);
}

/** The member of a message at a path as differences write it, e.g. `result.entries[0].fileName`. */
export function memberAt(message: Json, path: string): Json | undefined {
  let at: Json | undefined = message;
  for (const part of path.split(/\.|\[(\d+)\]/).filter((piece) => piece !== undefined && piece !== '')) {
    if (Array.isArray(at)) at = at[Number(part)];
    else if (isObject(at) && Object.hasOwn(at, part)) at = at[part];
    else return undefined;
  }
  return at;
}
