// What the audit log keeps of a request: enough to tell what was done, nothing that is likely to be a secret. Values of
// environment variables, data of files and bodies, what is typed, and queries of URLs are never kept.

import * as z from 'zod';

const maxTextLength = 4096;
/** Of all arguments together; those beyond it are counted only. */
const maxArgvLength = 16 * 1024;
/** `--token=x`, `--password x`, `-H 'Authorization: …'`: the value goes. */
const secretFlag = /^(--?[\w-]*(?:token|password|passwd|secret|api-?key|credential)[\w-]*)(?:=.*)?$/i;
const secretWord = '(?:token|password|passwd|secret|api[-_]?key|access[-_]?key|credential)';
/** Also within a script that is one argument: `curl -H 'Authorization: …'`, `API_KEY=x run`, `run --token x`. */
const secretsInText: readonly RegExp[] = [
  new RegExp(`((?:authorization|cookie|x-[\\w-]{0,40}${secretWord}[\\w-]{0,40})\\s*:)\\s*[^'"\\r\\n]+`, 'gi'),
  new RegExp(`(\\b[\\w-]{0,40}${secretWord}[\\w-]{0,40}=)\\s*(?:'[^']*'|"[^"]*"|[^\\s;&|'"]+)`, 'gi'),
  new RegExp(`(\\s--?[\\w-]{0,40}${secretWord}[\\w-]{0,40}\\s+)(?:'[^']*'|"[^"]*"|[^\\s;&|'"]+)`, 'gi'),
];
const secretInUrl = /(\/\/)[^/\s@]*@/g;
const queryInUrl = /(\b(?:https?|wss?):\/\/[^\s?#)'"]*)[?#][^\s)'"]*/gi;
const redacted = '[redacted]';

const text = z
  .string()
  .transform((value) => value.slice(0, maxTextLength))
  .optional()
  .catch(undefined);
const start = z.looseObject({
  processId: text,
  argv: z.array(z.string()).optional().catch(undefined),
  cwd: text,
  tty: z.boolean().optional().catch(undefined),
  env: z.record(z.string(), z.unknown()).optional().catch(undefined),
  sandbox: z.unknown().optional(),
  request: z
    .looseObject({ argv: z.array(z.string()), cwd: text })
    .optional()
    .catch(undefined),
});
const http = z.looseObject({ method: text, url: text });

type Facts = Readonly<Record<string, unknown>>;

/** @returns undefined for requests that are not kept: those that only look. */
export function auditedParams(method: string, params: unknown): Facts | undefined {
  const pick = picks[method];
  if (!pick) return undefined;
  const record = z.record(z.string(), z.unknown()).safeParse(params);
  return pick(record.success ? record.data : {});
}

const members =
  (...names: readonly string[]) =>
  (params: Facts): Facts =>
    Object.fromEntries(names.map((name) => [name, text.parse(params[name])]));

const picks: Readonly<Partial<Record<string, (params: Facts) => Facts>>> = {
  initialize: members('clientName', 'resumeSessionId'),
  'process/start': startFacts,
  'process/terminate': members('processId'),
  'process/signal': members('processId', 'signal'),
  'fs/writeFile': members('path'),
  'fs/createDirectory': members('path'),
  'fs/remove': members('path'),
  'fs/copy': members('sourcePath', 'destinationPath'),
  'fs/open': members('path', 'mode', 'handleId'),
  'http/request': httpFacts,
};

function startFacts(params: Facts): Facts {
  const parsed = start.parse(params);
  const { processId, tty, env, sandbox } = parsed;
  const { argv, cwd } = parsed.request ?? parsed;
  return {
    processId,
    argv: withoutSecrets(argv ?? []),
    cwd,
    tty,
    env: Object.keys(env ?? {}),
    sandbox: sandbox ?? undefined,
  };
}

function httpFacts(params: Facts): Facts {
  const { method, url } = http.parse(params);
  return { verb: method, url: url?.replace(/[?#].*$/s, '').replace(secretInUrl, '$1') };
}

/** The word after `--token` goes too. */
export function withoutSecrets(argv: readonly string[]): string[] {
  let isValue = false;
  let length = 0;
  const end = argv.findIndex((word) => (length += Math.min(word.length, maxTextLength)) > maxArgvLength);
  const left = end === -1 ? 0 : argv.length - end;
  const kept = argv.slice(0, argv.length - left).map((word) => {
    if (isValue) {
      isValue = false;
      return redacted;
    }
    const flag = secretFlag.exec(word);
    if (flag) {
      isValue = !word.includes('=');
      return isValue ? word : `${flag[1] ?? ''}=${redacted}`;
    }
    return withoutSecretsInText(word).slice(0, maxTextLength);
  });
  return left > 0 ? [...kept, `[${left} more]`] : kept;
}

function withoutSecretsInText(given: string): string {
  // What is cut off need not be looked through.
  let kept = given.slice(0, maxTextLength);
  for (const secret of secretsInText)
    kept = kept.replace(secret, (_, name: string) => `${name.trimEnd()} ${redacted}`.replace('= ', '='));
  return kept.replace(secretInUrl, `$1${redacted}@`);
}

/** An error in the words that a harness was told, which may repeat what it asked for. */
export function withoutQueries(message: string): string {
  return message.slice(0, maxTextLength).replace(queryInUrl, `$1?${redacted}`).replace(secretInUrl, '$1');
}
