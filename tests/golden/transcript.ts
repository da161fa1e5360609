// The recorded sessions (sessions/*.jsonl, format in README.md) as scenarios.
import { readdirSync, readFileSync } from 'node:fs';
import { parseScenario, type Scenario } from '../../shared/scenario/scenario.ts';

const folder = new URL('./sessions/', import.meta.url);

export function loadTranscripts(): Scenario[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => parseScenario(readFileSync(new URL(name, folder), 'utf8')));
}
