// `serve --open`: shows the page in the browser of this machine.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** By then the browser has read the file, ms. */
const readMs = 30_000;

/**
 * Opens `url`, whose token must not stand on a command line, where every user of the machine could read it: the browser gets a
 * file that only its user can read, and that leads on. It is gone after half a minute, or when the program ends.
 * @param onProblem told in one sentence when there is no way to open a browser; nothing is thrown.
 */
export function openPage(url: string, onProblem: (problem: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'exec-workbench-')); // 0700
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  setTimeout(remove, readMs).unref();
  const file = join(folder, 'open.html');
  const target = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const html = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=${target}"><title>Exec Workbench</title>`;
  writeFileSync(file, html, { mode: 0o600 });

  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('EXEC_WORKBENCH_')));
  const child = spawn(program, [pathToFileURL(file).href], { stdio: 'ignore', detached: true, env });
  child.once('error', () =>
    onProblem(`there is no ${program} to open a browser with; open the printed address yourself`),
  );
  child.once('exit', (code) => {
    if (code !== 0) onProblem(`${program} could not open a browser; open the printed address yourself`);
  });
  child.unref();
}
