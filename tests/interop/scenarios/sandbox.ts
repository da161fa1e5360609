// Runs without the bypass flag. Whatever a server can or cannot do, nothing may run unconfined that was to be confined.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { clipped, command, type Scenario, type ScenarioContext } from '../scenario.ts';

const confinedStart = z.looseObject({ sandbox: z.looseObject({}) });
const wrappedStart = z.looseObject({ arg0: z.literal('codex-linux-sandbox') });

/** How the CLI asked for confinement of its commands: 0.131 wraps argv itself, 0.169 leaves it to the server. */
function askedConfinement(context: ScenarioContext): 'params.sandbox' | 'arg0 codex-linux-sandbox' | undefined {
  const starts = context.tap.requests('process/start').map(({ message }) => message.params);
  if (starts.some((params) => confinedStart.safeParse(params).success)) return 'params.sandbox';
  if (starts.some((params) => wrappedStart.safeParse(params).success)) return 'arg0 codex-linux-sandbox';
  return undefined;
}

function sandboxed(mode: 'read-only' | 'workspace-write', id: string, title: string): Scenario {
  return {
    id,
    title,
    genuineNote:
      'CLI 0.131 wraps each command in its own helper, which confines it wherever that binary is there; CLI 0.169 leaves it to the server. fs/* carry the sandbox in both.',
    async run(context) {
      const forbidden = path.join(mode === 'read-only' ? context.cwd : context.outside, 'forbidden.txt');
      const patched = path.join(context.cwd, 'patched.txt');
      await writeFile(patched, 'before\n');
      let commandText = '';
      let patchText = '';
      await context.run(
        async (model) => {
          const [report] = await model.call(command(`echo in; touch ${forbidden} && echo wrote`));
          commandText = report?.text ?? '';
          const [patch] = await model.call({
            tool: 'apply_patch',
            input: '*** Begin Patch\n*** Update File: patched.txt\n@@\n-before\n+after\n*** End Patch',
          });
          patchText = patch?.text ?? '';
          return 'done';
        },
        // Everything of a run lies in the temporary folder, which this mode would leave open.
        {
          sandbox: mode,
          extraTables: '[sandbox_workspace_write]\nexclude_slash_tmp = true\nexclude_tmpdir_env_var = true\n',
        },
      );
      const asked = askedConfinement(context);
      assert.ok(asked !== undefined, 'the CLI did not ask for confinement at all');
      assert.ok(!existsSync(forbidden), `UNCONFINED: the command wrote ${forbidden}`);
      assert.doesNotMatch(commandText, /^wrote$/m);
      const ran = /^in$/m.test(commandText);
      if (!context.isGenuine && asked === 'params.sandbox' && !ran) {
        const [start] = context.tap.requests('process/start');
        const error = start === undefined ? undefined : context.tap.answerTo(start)?.error;
        assert.equal(error?.code, -32600, 'a start that cannot be confined is an invalid request');
        assert.match(error.message, /sandbox/i, 'the refusal must say what it is about');
        assert.match(commandText, /sandbox/i, 'the model must be told why');
      }
      const content = await readFile(patched, 'utf8');
      if (mode === 'read-only') assert.equal(content, 'before\n', 'UNCONFINED: a read-only run changed a file');
      const how = ran ? 'ran confined' : `refused: ${clipped(commandText)}`;
      const patchHow = content === 'after\n' ? 'applied' : `not applied (${clipped(patchText)})`;
      return `${asked}; command ${how}; patch ${patchHow}`;
    },
  };
}

export const sandboxScenarios: readonly Scenario[] = [
  sandboxed(
    'read-only',
    'sandbox-read-only',
    'a read-only run writes nothing: its commands are confined, or refused clearly',
  ),
  sandboxed(
    'workspace-write',
    'sandbox-workspace',
    'a workspace-write run writes nothing outside of its folder: its commands are confined, or refused clearly',
  ),
];
