import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { clientApiDoc, clientApiMarkdown } from './client-api-doc.ts';

test('docs/client-api.md says what the sources say; npm run docs:client-api writes it anew', () => {
  expect(readFileSync(clientApiDoc, 'utf8')).toBe(clientApiMarkdown());
});
