// The guardian: a tiny shell that outlives a crash of the server (SIGKILL included) and then kills every process group
// that the server had started and not yet seen exit. Node cannot set a parent-death signal on its children.

import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

/** Reads "+ PGID" and "- PGID" lines; at the end of its input it kills what is left. dash's kill knows no `--`. */
const script = `trap '' HUP INT TERM
live=' '
while read -r change group; do
  case $change in
    +) live="$live$group " ;;
    -) live="\${live%% $group *} \${live#* $group }" ;;
  esac
done
for group in $live; do kill -KILL "-$group" 2>/dev/null; done`;

export class Guardian {
  #shell: ChildProcess | undefined;
  #lines = '';

  /** Starts the shell. Called before the first process; again only starts it when it has died. */
  start(): void {
    if (this.#shell) return;
    const shell = spawn('/bin/sh', ['-c', script], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {},
      cwd: '/',
    });
    const forget = () => {
      if (this.#shell === shell) this.#shell = undefined;
    };
    shell.on('error', forget);
    shell.on('exit', forget);
    shell.stdin.on('error', () => undefined);
    shell.unref();
    if (shell.stdin instanceof Socket) shell.stdin.unref();
    this.#shell = shell;
  }

  add(pid: number): void {
    this.#tell(`+ ${pid}\n`);
  }

  remove(pid: number): void {
    this.#tell(`- ${pid}\n`);
  }

  /** One system call, and one wake-up of the shell, for what is said within a turn of the event loop. */
  #tell(line: string): void {
    if (this.#lines === '') setImmediate(() => this.#flush());
    this.#lines += line;
  }

  #flush(): void {
    if (this.#lines !== '') this.#shell?.stdin?.write(this.#lines);
    this.#lines = '';
  }

  /** All groups have been ended: lets the shell go. */
  stop(): void {
    this.#flush();
    this.#shell?.stdin?.end();
    this.#shell = undefined;
  }
}
