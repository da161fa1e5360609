// Writes docs/configuration.md from backend/config.ts: `npm run docs:configuration`. A test fails when it is stale.

import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  accessSettingList,
  envName,
  execSettingList,
  flagName,
  serveSettingList,
  type Setting,
} from '../backend/config.ts';

export const configurationDoc = new URL('../docs/configuration.md', import.meta.url);

function row(setting: Setting): string {
  const isOffSwitch = setting.default === true;
  const flag = isOffSwitch ? `--no-${flagName(setting.key).slice(2)}` : flagName(setting.key);
  const value = setting.default === '' ? 'none' : String(setting.default);
  const byDefault = setting.unit === undefined ? value : `${value} ${setting.unit}`;
  return `| \`${flag}\` | \`${envName(setting.key)}\` | ${byDefault} | ${setting.doc} |`;
}

function table(list: readonly Setting[]): string {
  return ['| flag | environment | default | meaning |', '| --- | --- | --- | --- |', ...list.map(row)].join('\n');
}

export function configurationMarkdown(): string {
  return `# Configuration

Made from \`backend/config.ts\` by \`npm run docs:configuration\`. A flag wins over the environment, the environment over the default.

## \`serve\` and \`exec-server\`

${table(execSettingList)}

## Who gets in: \`serve\` and \`exec-server --listen\`

${table(accessSettingList)}

## \`serve\` only

${table(serveSettingList)}

\`EXEC_WORKBENCH_TOKEN\` is the token of \`serve\`; without it a random one is made and printed at start.
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(configurationDoc, configurationMarkdown());
