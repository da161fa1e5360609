// What the CLI does with files through fs/*: patches, images, project docs and skills.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { clipped, command, commandReport, type Scenario, type ScenarioContext } from '../scenario.ts';
import { testPng } from '../test-png.ts';

const pathSchema = z.looseObject({ path: z.string() });

/** True when the CLI asked the server, by `method`, for something whose path ends so. */
function asked(context: ScenarioContext, method: string, pathEnd: string): boolean {
  return context.tap
    .requests(method)
    .some(({ message }) => pathSchema.safeParse(message.params).data?.path.endsWith(pathEnd) === true);
}

const applyPatch: Scenario = {
  id: 'apply-patch',
  title:
    'apply_patch adds (in a new folder), updates, moves and deletes files; a patch that does not fit changes nothing',
  async run(context) {
    const at = (name: string): string => path.join(context.cwd, name);
    await writeFile(at('update.txt'), 'one\ntwo\nthree\n');
    await writeFile(at('move.txt'), 'alpha\nbeta\n', { mode: 0o640 });
    await writeFile(at('delete.txt'), 'gone soon\n');
    await writeFile(at('run.sh'), '#!/bin/sh\necho old\n', { mode: 0o755 });
    await context.run(async (model) => {
      const patches = [
        '*** Add File: deep/er/added.txt\n+first\n+zweite Zeile ✓\n',
        '*** Update File: update.txt\n@@\n one\n-two\n+2\n three\n',
        '*** Update File: move.txt\n*** Move to: moved/there.txt\n@@\n alpha\n-beta\n+gamma\n',
        '*** Delete File: delete.txt\n',
        '*** Update File: run.sh\n@@\n #!/bin/sh\n-echo old\n+echo new\n',
      ];
      for (const patch of patches) {
        const [report] = await model.call({ tool: 'apply_patch', input: `*** Begin Patch\n${patch}*** End Patch` });
        assert.match(report?.text ?? '', /Success\. Updated the following files/, clipped(report?.text ?? 'no report'));
      }
      const [misfit] = await model.call({
        tool: 'apply_patch',
        input: '*** Begin Patch\n*** Update File: update.txt\n@@\n-no such line\n+x\n*** End Patch',
      });
      assert.doesNotMatch(misfit?.text ?? '', /Success\. Updated/);
      // The same by a shell command, which the CLI catches before it gets to the server.
      const [heredoc] = await model.call(
        command("apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: heredoc.txt\n+caught\n*** End Patch\nEOF"),
      );
      assert.match(heredoc?.text ?? '', /Success/, clipped(heredoc?.text ?? 'no report'));
      return 'done';
    });
    assert.equal(await readFile(at('deep/er/added.txt'), 'utf8'), 'first\nzweite Zeile ✓\n');
    assert.equal(await readFile(at('update.txt'), 'utf8'), 'one\n2\nthree\n');
    assert.equal(await readFile(at('moved/there.txt'), 'utf8'), 'alpha\ngamma\n');
    assert.ok(!existsSync(at('move.txt')) && !existsSync(at('delete.txt')), 'what was moved or deleted is still there');
    assert.equal(await readFile(at('heredoc.txt'), 'utf8'), 'caught\n');
    assert.equal((await stat(at('run.sh'))).mode & 0o777, 0o755, 'an updated file must keep its mode');
    assert.ok(asked(context, 'fs/writeFile', 'added.txt') && asked(context, 'fs/remove', 'delete.txt'));
    const calls = context.tap.messages.filter(
      ({ direction, message }) => direction === 'to-server' && message.method?.startsWith('fs/') === true,
    ).length;
    return `add, update, move, delete, misfit, here-document; ${String(calls)} fs/* requests`;
  },
};

const viewImage: Scenario = {
  id: 'view-image',
  title: 'view_image brings the bytes of an image, and says so when there is none',
  async run(context) {
    const png = testPng(64, 48);
    await writeFile(path.join(context.cwd, 'picture.png'), png);
    let evidence = '';
    await context.run(async (model) => {
      const [report] = await model.call({ tool: 'view_image', args: { path: path.join(context.cwd, 'picture.png') } });
      const url = report?.images[0];
      assert.ok(url !== undefined, `no image: ${clipped(report?.text ?? 'no report')}`);
      const image = Buffer.from(url.replace(/^data:image\/png;base64,/, ''), 'base64');
      assert.ok(image.equals(png), 'the model was shown other bytes');
      const [missing] = await model.call({ tool: 'view_image', args: { path: path.join(context.cwd, 'none.png') } });
      assert.equal(missing?.images.length, 0);
      evidence = `${String(image.length)} bytes equal; missing: ${clipped(missing?.text ?? '')}`;
      return 'done';
    });
    assert.ok(asked(context, 'fs/readFile', 'picture.png'));
    return evidence;
  },
};

const projectDocs: Scenario = {
  id: 'project-docs',
  title: 'AGENTS.md and the skills of a project are found through the server and shown to the model',
  async run(context) {
    const skill = path.join(context.cwd, '.agents', 'skills', 'brewing');
    await mkdir(skill, { recursive: true });
    await mkdir(path.join(context.cwd, '.git'));
    await writeFile(path.join(context.cwd, 'AGENTS.md'), 'The house rule is: whisper 4711.\n');
    await writeFile(
      path.join(skill, 'SKILL.md'),
      '---\nname: brewing\ndescription: How tea is brewed in 815 steps.\n---\nBoil water first.\n',
    );
    await context.run(async (model) => {
      assert.match(model.context, /whisper 4711/, 'AGENTS.md is not in what the model was sent');
      assert.match(model.context, /815 steps/, 'the skill is not in what the model was sent');
      const [report] = await model.call(command('cat .agents/skills/brewing/SKILL.md'));
      assert.match(commandReport(report?.text).output, /Boil water first/);
      return 'done';
    });
    assert.ok(asked(context, 'fs/readFile', 'AGENTS.md') && asked(context, 'fs/readFile', 'SKILL.md'));
    const listing = context.isPushed ? 'fs/walk' : 'fs/readDirectory';
    assert.ok(context.tap.requests(listing).length > 0);
    return `AGENTS.md and SKILL.md read by fs/readFile, found by ${listing}`;
  },
};

export const fileScenarios: readonly Scenario[] = [applyPatch, viewImage, projectDocs];
