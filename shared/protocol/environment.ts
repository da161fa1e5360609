// environment/* and environmentConfig/*: what newer harnesses ask about the machine (docs/protocol.md, "Environment").

import * as z from 'zod';
import { declareMethod, optional } from './declare.ts';

export const environmentInfoResult = z.looseObject({
  shell: z.looseObject({ name: z.string(), path: z.string() }),
  executorVersion: z.string(),
  providerId: z.string().nullish(),
  cwd: z.string().nullish(),
  userHomeDir: z.string().nullish(),
  platformOs: z.string(),
  prependPathDirs: z.array(z.string()),
  temporaryDirectories: z.array(z.string()),
  tempDir: z.string().nullish(),
  capabilities: z.record(z.string(), z.boolean()),
  sandbox: z
    .looseObject({ available: z.boolean(), kind: z.string().nullable(), reason: z.string().nullable() })
    .optional()
    .meta({ description: 'Extension: whether requests with a `sandbox` can be confined, by what, or why not.' }),
});

export const environmentInfo = declareMethod({
  method: 'environment/info',
  family: 'environment info',
  since: '0.169',
  doc: 'Shell, directories and platform of the executor.',
  paramsOptional: true,
  params: z.looseObject({}),
  result: environmentInfoResult,
});

export const environmentStatus = declareMethod({
  method: 'environment/status',
  family: 'environment info',
  since: '0.169',
  doc: 'Whether the environment is ready.',
  paramsOptional: true,
  params: z.looseObject({}),
  result: z.looseObject({ status: z.string() }),
});

export const environmentConfigRead = declareMethod({
  method: 'environmentConfig/read',
  family: 'environment info',
  since: '0.169',
  doc: 'Configuration that the machine imposes on the harness; this server imposes none.',
  paramsOptional: true,
  params: z.looseObject({
    cwd: optional(z.string()),
    configPaths: optional(z.array(z.array(z.string()))),
    requirementsPaths: optional(z.array(z.array(z.string()))),
  }),
  result: z.looseObject({
    userHomeDir: z.string().nullable(),
    codexHomeDir: z.string().nullable(),
    hostname: z.string().nullable(),
    config: z.looseObject({ layers: z.array(z.unknown()), cloudInsertionIndex: z.number() }),
    requirements: z.looseObject({}),
  }),
});
