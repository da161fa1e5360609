// The guardian: a tiny shell that outlives a crash of the server (SIGKILL included) and then kills every process group
// that the server had started and not yet seen exit, and whoever carries one of its marks (containment/mark.ts): daemons that
// left their groups. Node cannot set a parent-death signal on its children.

import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { markBirths, markPrefix } from '../containment/mark.ts';
import { reapOrphans } from '../containment/orphans.ts';

/**
 * Reads "+ PGID" and "- PGID" lines; at the end of its input it kills what is left, unless a line "stop" says that there is
 * nothing. $1 is the prefix of the marks. dash's kill knows no `--`. What forks while it is killed is looked for again.
 */
const script = `trap '' HUP INT TERM
live=' '
while read -r change group; do
  case $change in
    +) live="$live$group " ;;
    -) live="\${live%% $group *} \${live#* $group }" ;;
    stop) exit ;;
  esac
done
for group in $live; do kill -KILL "-$group" 2>/dev/null; done
[ "$1" ] || exit
for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
  found=
  for stat in $(grep -lE " $1[0-9]{6} " /proc/[0-9]*/stat 2>/dev/null); do
    pid=\${stat#/proc/}
    pid=\${pid%/stat}
    [ "$pid" = $$ ] || kill -KILL "$pid" 2>/dev/null && found=1
  done
  [ "$found" ] || exit
done`;

/**
 * How long news may wait, ms: children are born with a mark, by which they are found meanwhile. So the shell, which reads byte by
 * byte, never hears of those that end soon.
 */
const newsDelayMs = 50;

export class Guardian {
  #shell: ChildProcess | undefined;
  /** Groups of which the shell does not know yet that they live, or that they do not. */
  readonly #news = new Map<number, '+' | '-'>();
  #isFlushDue = false;

  /** @param ownsServer every process that the server starts is ours; else it is only a part of somebody's program. */
  constructor(private readonly ownsServer: boolean) {}

  /** Children carry a mark from their birth on. */
  get #isMarked(): boolean {
    return this.ownsServer && markPrefix() !== undefined;
  }

  /** Starts the shell. Called before the first process; again only starts it when it has died. */
  start(): void {
    if (this.#shell) return;
    if (this.ownsServer) {
      markBirths();
      reapOrphans();
    }
    const shell = spawn('/bin/sh', ['-c', script, 'guardian', markPrefix() ?? ''], {
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
    this.#tell(pid, '+');
  }

  remove(pid: number): void {
    this.#tell(pid, '-');
  }

  #tell(pid: number, change: '+' | '-'): void {
    const untold = this.#news.get(pid);
    // The opposite has not been told: nothing has changed for the shell.
    if (untold !== undefined && untold !== change) this.#news.delete(pid);
    else this.#news.set(pid, change);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    if (this.#isMarked) setTimeout(() => this.#flush(), newsDelayMs).unref();
    else setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushDue = false;
    const lines = [...this.#news].map(([pid, change]) => `${change} ${pid}\n`).join('');
    this.#news.clear();
    if (lines !== '') this.#shell?.stdin?.write(lines);
  }

  /** Everything has been ended: lets the shell go. */
  stop(): void {
    this.#shell?.stdin?.end('stop\n');
    this.#shell = undefined;
  }
}
