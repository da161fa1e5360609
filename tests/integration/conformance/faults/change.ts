// What the faults are written with: a message with other members, wherever it passes.
import type { Json, JsonObject } from '../../../helpers/json.ts';
import type { Instead, Passing } from '../faulty-server.ts';

type Change = (passing: Passing) => Instead;

/** The answer with other members in its result. */
export const withResult = ({ message, result }: Passing, change: JsonObject): JsonObject[] => [
  { ...message, result: { ...result, ...change } },
];
export const withParams = ({ message, params }: Passing, change: JsonObject): JsonObject[] => [
  { ...message, params: { ...params, ...change } },
];
export const withError = ({ message, error }: Passing, change: JsonObject): JsonObject[] => [
  { ...message, error: { ...error, ...change } },
];

/** A member that is a text; '' for any other. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
export const recode = (chunk: unknown, change: (bytes: Buffer) => Buffer): string =>
  change(Buffer.from(textOf(chunk), 'base64')).toString('base64');

/** A whole number in that range: what is invalid stays so. */
export const isBetween =
  (least: number, most: number) =>
  (value: unknown): boolean =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
export const isAbsent = (value: unknown): boolean => value === undefined;
export const isText = (value: unknown): boolean => typeof value === 'string';

export const answers = (passing: Passing, method: string): boolean =>
  passing.asked?.method === method && passing.error === undefined && passing.message?.['result'] !== undefined;

/** A request of that method whose `member` is so gets another one. */
export const instead =
  (method: string, member: string, isSo: (value: unknown) => boolean, value: Json): Change =>
  (passing) =>
    passing.method === method && isSo(passing.params[member]) ? withParams(passing, { [member]: value }) : undefined;

/** Answers to that method with other members, unless `change` has none. */
export const answered =
  (method: string, change: (result: JsonObject) => JsonObject | undefined): Change =>
  (passing) => {
    const members = answers(passing, method) ? change(passing.result) : undefined;
    return members && withResult(passing, members);
  };

/** Notifications of that method with other members, unless `change` has none. */
export const notified =
  (method: string, change: (params: JsonObject) => JsonObject | undefined): Change =>
  (passing) => {
    const members = passing.method === method ? change(passing.params) : undefined;
    return members && withParams(passing, members);
  };

/** Wherever an error with that code goes out for that method. */
export const recodeErrors =
  (from: number, to: number, methods: RegExp): Change =>
  (passing) =>
    passing.error?.['code'] === from && methods.test(passing.asked?.method ?? '')
      ? withError(passing, { code: to })
      : undefined;
