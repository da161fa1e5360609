import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationDoc, configurationMarkdown } from './configuration-doc.ts';

test('docs/configuration.md says what config.ts says; npm run docs:configuration writes it anew', () => {
  expect(readFileSync(configurationDoc, 'utf8')).toBe(configurationMarkdown());
});
