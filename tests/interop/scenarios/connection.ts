// The connection itself: cut in the middle of output, dead without a word, and another carrier than a WebSocket.
import assert from 'node:assert/strict';
import * as z from 'zod';
import {
  clipped,
  command,
  commandReport,
  outputOnWire,
  sessionOf,
  typed,
  type Scenario,
  type ScenarioContext,
} from '../scenario.ts';
import { stdioProgram } from '../servers.ts';
import type { CutKind } from '../wire-tap.ts';

const TICKS = 60;
/**
 * Sixty numbered lines of 400 bytes in about three seconds: it is certainly still writing when the cut comes, and all of
 * it fits into the 10,000 tokens that 0.169 tells the model of one command at most.
 */
const TICKING = `for i in $(seq ${String(TICKS)}); do printf 'tick-%03d %0390d\\n' "$i" 0; sleep 0.05; done; exit 9`;
const sessionSchema = z.looseObject({ sessionId: z.string() });

/** The connection is cut in the middle of the tenth message with output, half of whose bytes still get through. */
function cutInOutput(context: ScenarioContext, kind: CutKind): void {
  let outputs = 0;
  context.tap.cutAt(kind, ({ message }) => message.method === 'process/output' && ++outputs === 10);
}

function ticksIn(text: string): number[] {
  return [...text.matchAll(/tick-(\d{3}) 0{390}\r?\n/g)].map((match) => Number(match[1]));
}

/** Runs the ticking command, looking at it until it ends; gives everything that it wrote, as the model was told. */
async function runTicking(
  context: ScenarioContext,
  script: { text: string; exitCode: number | undefined },
): Promise<void> {
  await context.run(async (model) => {
    const [first] = await model.call(command(TICKING, { maxTokens: 100_000, yieldMs: 1_000 }));
    let report = commandReport(first?.text);
    script.text = report.output;
    const session = report.sessionId;
    for (let look = 0; report.exitCode === undefined && session !== undefined && look < 10; look++) {
      const [next] = await model.call({
        tool: 'write_stdin',
        args: { session_id: session, chars: '', yield_time_ms: 5_000, max_output_tokens: 100_000 },
      });
      report = commandReport(next?.text);
      script.text += report.output;
    }
    script.exitCode = report.exitCode;
    const [after] = await model.call(command('echo still-here'));
    assert.match(commandReport(after?.text).output, /^still-here$/m);
    return 'done';
  });
}

function reconnect(kind: CutKind, names: Pick<Scenario, 'id' | 'title' | 'genuineNote' | 'genuineFails'>): Scenario {
  return {
    ...names,
    notFor: ({ isPushed }) => (isPushed ? undefined : 'CLI 0.131 never reconnects'),
    async run(context) {
      cutInOutput(context, kind);
      const told = { text: '', exitCode: undefined as number | undefined };
      await runTicking(context, told);
      assert.equal(context.tap.cuts, 1, 'the connection was not cut');
      assert.ok(context.tap.connections > 1, 'the CLI did not dial again');
      assert.equal(told.exitCode, 9);
      assert.deepEqual(
        ticksIn(told.text),
        Array.from({ length: TICKS }, (_, i) => i + 1),
        'lines lost or doubled',
      );
      const [start] = context.tap.requests('process/start');
      assert.ok(start !== undefined);
      assert.deepEqual(outputOnWire(context, start).missingSeqs, []);
      const ids = context.tap
        .requests('initialize')
        .map((request) => sessionSchema.safeParse(context.tap.answerTo(request)?.result).data?.sessionId);
      const refused = ids.filter((sessionId) => sessionId === undefined).length;
      assert.equal(new Set(ids.filter((sessionId) => sessionId !== undefined)).size, 1, 'the session is another one');
      const reads = context.tap.requests('process/read').length;
      return `${String(TICKS)} of ${String(TICKS)} lines once each, exit code 9; ${String(context.tap.connections)} connections, ${String(refused)} resumes refused, ${String(reads)} process/read`;
    },
  };
}

const cutOff: Scenario = {
  id: 'cut-without-reconnect',
  title: 'CLI 0.131, cut off in the middle of output, tells the model so and does not dial again',
  notFor: ({ isPushed }) => (isPushed ? 'CLI 0.169 reconnects' : undefined),
  async run(context) {
    cutInOutput(context, 'reset');
    let told = '';
    await context.tryRun(async (model) => {
      const [report] = await model.call(command(`${TICKING}; sleep 300`, { yieldMs: 8_000 }));
      told = report?.text ?? '';
      const [next] = await model.call(command('echo again'));
      told += ` | ${next?.text ?? ''}`;
      return 'done';
    });
    assert.equal(context.tap.cuts, 1, 'the connection was not cut');
    assert.match(told, /disconnected|closed/i);
    assert.equal(context.tap.connections, 1);
    return `1 connection; told: ${clipped(told.replace(/[\s\S]*?(exec-server transport)/, '$1').replaceAll(/token=[^\s&:]+/g, 'token=…'), 160)}`;
  },
};

const overStdio: Scenario = {
  id: 'stdio',
  title: 'the same over stdio: the CLI starts the server itself (environments.toml)',
  notFor: ({ server }) => (server === 'serve' ? '`serve` has no stdio' : undefined),
  async run(context) {
    const program = stdioProgram(context.server, context.cli);
    const toml = [
      'default = "box"',
      '[[environments]]',
      'id = "box"',
      `program = ${JSON.stringify(program.command)}`,
      `args = ${JSON.stringify(program.args)}`,
    ].join('\n');
    await context.run(
      async (model) => {
        const [report] = await model.call(command('echo over-stdio; exit 5'));
        assert.equal(commandReport(report?.text).exitCode, 5);
        assert.match(commandReport(report?.text).output, /over-stdio/);
        const [tty] = await model.call(command('read -r x; echo "got:$x"', { tty: true, yieldMs: 500 }));
        const [answer] = await model.call(typed(sessionOf(tty?.text), 'hello\n'));
        assert.match(commandReport(answer?.text).output, /got:hello/);
        const [patch] = await model.call({
          tool: 'apply_patch',
          input: '*** Begin Patch\n*** Add File: by-stdio.txt\n+x\n*** End Patch',
        });
        assert.match(patch?.text ?? '', /Success/);
        return 'done';
      },
      { environmentsToml: toml },
    );
    assert.equal(context.tap.connections, 0, 'the run went another way');
    return 'command, terminal and patch; no WebSocket opened';
  },
};

export const connectionScenarios: readonly Scenario[] = [
  reconnect('reset', {
    id: 'reconnect',
    title: 'CLI 0.169, cut off in the middle of output, goes on in the same session without a loss',
  }),
  reconnect('half-open', {
    id: 'reconnect-half-open',
    title: 'the same while the server still takes the old connection for alive: the session is taken over',
    genuineNote:
      'refuses the resume with -32010 for as long as it has not noticed the end of the old connection; the CLI tries ten times a second and gives up after 45 s, and the command is lost.',
    genuineFails: true,
  }),
  cutOff,
  overStdio,
];
