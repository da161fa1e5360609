// What an executor in the page answers by itself, and what it offers for an answer by hand. Pure.

import * as z from 'zod';
import type { RpcErrorBody } from '../../../../../shared/rpc/envelope.ts';
import { describeIssue, type DeclaredError } from '../../../../../shared/protocol/declare.ts';
import { methods, notifications } from '../../../../../shared/protocol/methods.ts';
import { catalogEntry } from '../../compose/catalog.ts';
import { emptyObject, formFields, isRecord, type FormField } from '../../compose/form-model.ts';

/** `ask`: it waits for a person, also where everything else is passed on. */
export const ruleKinds = ['result', 'error', 'ask'] as const;
export type RuleKind = (typeof ruleKinds)[number];

export const ruleSchema = z.object({
  /** A method; `*` stands for any text. */
  method: z.string(),
  kind: z.enum(ruleKinds),
  /** JSON of the result or of the error; a text `$params.NAME` in it stands for that member of the request. */
  text: z.string(),
});
export type Rule = z.infer<typeof ruleSchema>;

export type Answer =
  { readonly kind: 'result'; readonly result: unknown } | { readonly kind: 'error'; readonly error: RpcErrorBody };

/** An answer that is to become the rule for its method. */
export interface StandingAnswer {
  readonly kind: Answer['kind'];
  readonly text: string;
}

const errorSchema = z.object({ code: z.number().int(), message: z.string(), data: z.unknown().optional() });

/** The first that is for the method. */
export function ruleFor(rules: readonly Rule[], method: string): Rule | undefined {
  return rules.find((rule) => {
    const parts = rule.method.trim().split('*');
    return new RegExp(`^${parts.map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')).join('.*')}$`).test(method);
  });
}

/** The answer that a text says, or what is wrong with it. */
export function readAnswer(kind: Answer['kind'], text: string, params: unknown): Answer | { readonly problem: string } {
  let value: unknown;
  try {
    value = filled(JSON.parse(text), params);
  } catch (error) {
    return { problem: `No JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (kind === 'result') return { kind, result: value };
  const error = errorSchema.safeParse(value);
  if (error.success) return { kind, error: error.data };
  return { problem: 'An error is {"code": a whole number, "message": a text, "data": anything or nothing}.' };
}

/** `$params.NAME` is replaced by that member; what the request does not have becomes null. */
function filled(value: unknown, params: unknown): unknown {
  if (typeof value === 'string') {
    const name = /^\$params\.(\w+)$/.exec(value)?.[1];
    return name === undefined ? value : ((isRecord(params) ? params[name] : undefined) ?? null);
  }
  if (Array.isArray(value)) return value.map((item) => filled(item, params));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, filled(member, params)]));
}

/** What is wrong with a result by the declaration of its method; it may be sent all the same. */
export function resultProblems(method: string, result: unknown): readonly string[] {
  return problemsOf(methods.get(method)?.result, result, 'result');
}

export function notificationProblems(method: string, params: unknown): readonly string[] {
  return problemsOf(notifications.get(method)?.params, params, 'params');
}

function problemsOf(schema: z.ZodType | undefined, value: unknown, name: string): readonly string[] {
  const issues = schema?.safeParse(value).error?.issues ?? [];
  return issues.map((issue) => describeIssue(issue, value).replace(/^params/, name));
}

export function resultFields(method: string): readonly FormField[] {
  return catalogEntry(method)?.resultFields ?? [];
}

export function declaredErrors(method: string): readonly DeclaredError[] {
  return methods.get(method)?.errors ?? [];
}

/** A result to begin with: what must be there, with what the request says of the same name. */
export function exampleResult(method: string, params: unknown): string {
  const example = emptyObject(resultFields(method));
  for (const name of Object.keys(example)) {
    if (isRecord(params) && typeof params[name] === typeof example[name]) example[name] = params[name];
  }
  return JSON.stringify(example, null, 2);
}

/** An error to begin with. */
export function exampleError(method: string, error = declaredErrors(method)[0]): string {
  const { code, when } = error ?? { code: -32603, when: 'refused by hand' };
  return JSON.stringify({ code, message: when }, null, 2);
}

/** What an executor may tell by itself. */
export const tellable: readonly string[] = [...notifications.values()]
  .filter(({ from }) => from === 'executor')
  .map(({ method }) => method);

export function notificationFields(method: string): readonly FormField[] {
  const declared = notifications.get(method);
  return declared ? formFields(z.toJSONSchema(declared.params, { io: 'output', unrepresentable: 'any' })) : [];
}
