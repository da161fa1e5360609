// Commands on a terminal that the model types into.
import assert from 'node:assert/strict';
import { clipped, command, commandReport, sessionOf, typed, type Scenario } from '../scenario.ts';

const typedInto: Scenario = {
  id: 'tty-typed',
  title: 'a terminal is written to, line by line, and answers',
  async run(context) {
    await context.run(async (model) => {
      const loop = 'echo ready; while read -r l; do echo "got:$l"; if [ "$l" = quit ]; then exit 7; fi; done';
      const [started] = await model.call(command(loop, { tty: true, yieldMs: 1_000 }));
      assert.match(commandReport(started?.text).output, /ready/);
      const session = sessionOf(started?.text);
      for (const word of ['one', 'zwölf', '日本']) {
        const [report] = await model.call(typed(session, `${word}\n`));
        assert.match(commandReport(report?.text).output, new RegExp(`got:${word}\\r?\\n`));
      }
      const [last] = await model.call(typed(session, 'quit\n'));
      const { exitCode, output } = commandReport(last?.text);
      assert.match(output, /got:quit/);
      assert.equal(exitCode, 7);
      return 'done';
    });
    const writes = context.tap.requests('process/write').length;
    return `${String(writes)} process/write, each line answered, exit code 7`;
  },
};

const shell: Scenario = {
  id: 'tty-shell',
  title: 'an interactive shell on a terminal: prompt, job, window size, end of file',
  async run(context) {
    let size = '';
    let end: number | undefined;
    await context.run(async (model) => {
      const [started] = await model.call(
        command("PS1='prompt> ' exec bash --norc --noprofile -i", { tty: true, yieldMs: 1_000 }),
      );
      const session = sessionOf(started?.text);
      const [tty] = await model.call(typed(session, 'tty; stty size; echo $((6*7))\n'));
      const { output } = commandReport(tty?.text);
      assert.match(output, /\/dev\/pts\/\d+/);
      assert.match(output, /^42\r?$/m);
      size = /^(\d+ \d+)\r?$/m.exec(output)?.[1] ?? '?';
      assert.notEqual(size, '0 0');
      const [broken] = await model.call(typed(session, 'sleep 300\n', 500), typed(session, '\u0003', 1_000));
      assert.ok(broken !== undefined);
      const [status] = await model.call(typed(session, 'echo status=$?\n'));
      assert.match(commandReport(status?.text).output, /status=130/);
      const [ended] = await model.call(typed(session, '\u0004', 3_000));
      end = commandReport(ended?.text).exitCode;
      assert.equal(end, 0, `after end of file: ${clipped(ended?.text ?? '')}`);
      return 'done';
    });
    return `window ${size}, Ctrl-C status 130, Ctrl-D exit code ${String(end)}`;
  },
};

export const terminalScenarios: readonly Scenario[] = [typedInto, shell];
