// What the audit log keeps of a request: enough to tell what was done, nothing that is likely to be a secret. Values of
// environment variables, data of files and bodies, what is typed, and queries of URLs are never kept.

import * as z from 'zod';

const maxTextLength = 4096;
/** `--token=x`, `--password x`, `-H 'Authorization: …'`: the value goes. */
const secretFlag = /^(--?[\w-]*(?:token|password|passwd|secret|api-?key|credential)[\w-]*)(?:=.*)?$/i;
const secretHeader = /^(\s*(?:proxy-)?authorization\s*:).*$/is;
const secretInUrl = /(\/\/)[^/\s@]*@/g;
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
  return argv.map((word) => {
    if (isValue) {
      isValue = false;
      return redacted;
    }
    const flag = secretFlag.exec(word);
    if (flag) {
      isValue = !word.includes('=');
      return isValue ? word : `${flag[1] ?? ''}=${redacted}`;
    }
    return word.replace(secretHeader, `$1 ${redacted}`).replace(secretInUrl, `$1${redacted}@`).slice(0, maxTextLength);
  });
}
