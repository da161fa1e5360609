// One declaration per method and notification. Types, server-side validation, client types, forms, the published
// JSON Schema and the method reference all come from it.

import * as z from 'zod';
import { RpcCode, RpcError } from '../errors.ts';

/** The word in "client must call initialize before using F methods" (docs/protocol.md, "Handshake"). */
export type MethodFamily = 'exec' | 'filesystem' | 'http' | 'environment info' | 'handshake';

/** The first peer that knows it; `extension`: ours, advertised in the answer to `initialize`. */
export type Since = '0.131' | '0.169' | 'extension';

export interface DeclaredError {
  readonly code: number;
  readonly when: string;
}

export interface MethodDeclaration<Params extends z.ZodObject = z.ZodObject, Result extends z.ZodType = z.ZodType> {
  readonly kind: 'method';
  readonly method: string;
  readonly family: MethodFamily;
  readonly since: Since;
  /** One line for people. */
  readonly doc: string;
  /** True when `params` may be left out (null, absent). */
  readonly paramsOptional: boolean;
  readonly params: Params;
  readonly result: Result;
  /** Beside those of every request: wrong params (-32602), out of order (-32600), a defect or the system (-32603). */
  readonly errors: readonly DeclaredError[];
}

export interface NotificationDeclaration<Params extends z.ZodObject = z.ZodObject> {
  readonly kind: 'notification';
  readonly method: string;
  readonly from: 'harness' | 'executor';
  readonly since: Since;
  readonly doc: string;
  readonly params: Params;
}

export type Declaration = MethodDeclaration | NotificationDeclaration;

/** What a handler gets, after defaults. */
export type ParamsOf<D extends { params: z.ZodType }> = z.output<D['params']>;
/** What a caller may write: members with a default may be left out. */
export type ParamsInput<D extends { params: z.ZodType }> = z.input<D['params']>;
export type ResultOf<D extends { result: z.ZodType }> = z.output<D['result']>;

/** Those that a token may not allow (docs/security.md, "Tokens"), and --read-only refuses. */
const scopedFamilies: ReadonlySet<MethodFamily> = new Set(['exec', 'filesystem', 'http']);
const forbidden: DeclaredError = {
  code: RpcCode.forbidden,
  when: 'the token of the connection does not allow it, or the server only shows files',
};

/** For methods that wait for news, a reader or a peer. */
export const tooManyWaiting: DeclaredError = {
  code: RpcCode.overloaded,
  when: 'too many requests wait, of this connection or of all',
};

export function declareMethod<Params extends z.ZodObject, Result extends z.ZodType>(
  declaration: Omit<MethodDeclaration<Params, Result>, 'kind' | 'errors' | 'paramsOptional'> & {
    errors?: readonly DeclaredError[];
    paramsOptional?: boolean;
  },
): MethodDeclaration<Params, Result> {
  const scoped = scopedFamilies.has(declaration.family) ? [forbidden] : [];
  const errors = [...(declaration.errors ?? []), ...scoped];
  return { kind: 'method', paramsOptional: false, ...declaration, errors };
}

export function declareNotification<Params extends z.ZodObject>(
  declaration: Omit<NotificationDeclaration<Params>, 'kind'>,
): NotificationDeclaration<Params> {
  return { kind: 'notification', ...declaration };
}

/**
 * Validates `params` of a request. An array is taken by position, in the order of the declared members.
 * @throws RpcError -32602 that names the member.
 */
export function parseParams<D extends MethodDeclaration>(declaration: D, params: unknown): ParamsOf<D> {
  let candidate = params;
  if (Array.isArray(params)) {
    const names = Object.keys(declaration.params.shape);
    candidate = Object.fromEntries(params.map((value: unknown, index) => [names[index] ?? `[${index}]`, value]));
  } else if (declaration.paramsOptional && (params === undefined || params === null)) {
    candidate = {};
  }
  const parsed = declaration.params.safeParse(candidate);
  if (parsed.success) return parsed.data as ParamsOf<D>;
  throw new RpcError(RpcCode.invalidParams, describeIssue(parsed.error.issues[0], candidate));
}

/** "params.argv[1]: expected string, got number". */
export function describeIssue(issue: z.core.$ZodIssue | undefined, input: unknown): string {
  if (!issue) return 'params: invalid';
  const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const value = issue.path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    input,
  );
  const where = `params${path}`;
  if (issue.code === 'custom') return `${where}: ${issue.message}`;
  if (value === undefined)
    return `${where}: missing${issue.code === 'invalid_type' ? `, expected ${issue.expected}` : ''}`;
  if (issue.code === 'invalid_type') return `${where}: expected ${issue.expected}, got ${shortValue(value)}`;
  return `${where}: ${issue.message.replace(/^Invalid input: /, '')}, got ${shortValue(value)}`;
}

function shortValue(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = JSON.stringify(value) ?? typeof value;
  return `${typeof value} ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`.replace(/^object /, '');
}

/** An unsigned integer of any size (peers send up to 2^64-1). */
export const unsigned = z
  .number()
  .refine((value) => Number.isInteger(value) && value >= 0, { message: 'expected an unsigned integer' });

/** Bytes as standard base64; decoded, and judged, where they are used: one pass over megabytes, not two. */
export const base64 = z.string().meta({ contentEncoding: 'base64' });

/** Null and absent mean the same. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish();
}
