// The direction of dependencies holds: the lint rule bites on bad imports, and no file of the repository imports the wrong
// way even where a comment switches the rule off.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { root } from '../lib/build.js';
import { whyForbidden } from './direction.js';

// Only this rule, and without type information: the snippets are no files on disk.
const eslint = new ESLint({
  cwd: root,
  ruleFilter: ({ ruleId }) => ruleId === 'workbench/direction',
  overrideConfig: { files: ['**/*.ts'], languageOptions: { parserOptions: { projectService: false } } },
});

async function reportsOf(filePath: string, code: string): Promise<string[]> {
  const results = await eslint.lintText(code, { filePath });
  return results.flatMap(({ messages }) => messages.map(({ message }) => message));
}

describe('workbench/direction', { timeout: 30_000 }, () => {
  it.each([
    ['shared/relay/x.ts', `import { readFile } from 'node:fs/promises';`],
    ['shared/relay/x.ts', `import fs from 'fs';`],
    ['shared/relay/x.ts', `import { App } from '../../backend/app/app.ts';`],
    ['shared/relay/x.ts', `export * from '../../web/src/lib/storage.ts';`],
    ['shared/relay/x.ts', `import { Hono } from 'hono';`],
    ['shared/relay/x.ts', `const load = () => import('../../backend/main.ts');`],
    ['shared/relay/x.ts', `type Server = import('../../backend/main.ts').Server;`],
    ['shared/relay/x.ts', `import { until } from '../../tests/helpers/until.ts';`],
    ['web/src/state/x.ts', `import { config } from '../../../backend/config.ts';`],
    ['web/src/state/x.ts', `import type { WebSocket } from 'ws';`],
    ['web/src/state/x.ts', `import { Buffer } from 'node:buffer';`],
    ['backend/exec/x.ts', `import { view } from '../../web/src/main.ts';`],
    ['backend/exec/x.ts', `import { until } from '../../tests/helpers/until.ts';`],
    ['backend/exec/x.ts', `import { cases } from './session.test.ts';`],
    ['backend/process/x.ts', `import { Session } from '../exec/session.ts';`],
    ['backend/process/x.ts', `import type { Listener } from '../transports/websocket.ts';`],
    ['backend/process/x.ts', `import { processStart } from '../../shared/protocol/process.ts';`],
    ['backend/transports/x.ts', `import { ManagedProcess } from '../process/process.ts';`],
    ['backend/transports/x.ts', `import { readFile } from '../fs/files.ts';`],
  ])('refuses in %s: %s', async (filePath, code) => {
    expect(await reportsOf(filePath, code)).toEqual([expect.stringContaining(`${filePath} must not import`)]);
  });

  it.each([
    ['shared/relay/x.ts', `import { z } from 'zod';\nimport { limits } from '../limits.ts';`],
    [
      'web/src/state/x.ts',
      `import { Terminal } from '@xterm/xterm';\nimport { dial } from '../../../shared/connection/websocket.ts';`,
    ],
    ['backend/exec/x.ts', `import { ManagedProcess } from '../process/process.ts';\nimport { join } from 'node:path';`],
    ['backend/process/x.ts', `import { limits } from '../../shared/limits.ts';\nimport { spawn } from 'node-pty';`],
    ['backend/exec/x.test.ts', `import { until } from '../../tests/helpers/until.ts';`],
    ['tests/integration/x.test.ts', `import { main } from '../../backend/main.ts';`],
  ])('allows in %s: %s', async (filePath, code) => {
    expect(await reportsOf(filePath, code)).toEqual([]);
  });
});

describe('the repository', () => {
  it.each(['shared', 'backend', 'web'])('%s/ imports nothing against the direction', (folder) => {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|js|svelte)$/.test(name))
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`);
    const wrong = files.flatMap((file) =>
      ts
        .preProcessFile(scriptOf(file))
        .importedFiles.filter(({ fileName }) => whyForbidden(file, fileName) !== undefined)
        .map(({ fileName }) => `${file} imports ${fileName}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** The text of a file; of a component, its scripts. */
function scriptOf(file: string): string {
  const text = readFileSync(join(root, file), 'utf8');
  if (!file.endsWith('.svelte')) return text;
  return [...text.matchAll(/<script\b[^>]*>(.*?)<\/script>/gs)].map(([, script]) => script).join('\n');
}
