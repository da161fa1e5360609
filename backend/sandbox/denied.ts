// Whether a confined process failed for being confined. The system only says "permission denied" to the process itself, so
// this is a guess by what it wrote, as Codex guesses; it decides nothing but what a harness is told (`sandboxDenied`).

const words =
  /operation not permitted|permission denied|read-only file system|network is unreachable|resource busy|sandbox|seccomp/i;
/** 128 + SIGSYS: a forbidden system call. */
const forbiddenCall = 159;

/** @param output what it wrote last. */
export function looksDenied(exitCode: number, output: string): boolean {
  return exitCode !== 0 && (exitCode === forbiddenCall || words.test(output));
}
