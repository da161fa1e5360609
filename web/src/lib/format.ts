// Numbers for people: sizes, durations, exit codes.

const signalNames: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
};

/** "exit 0", "exit 137 · SIGKILL": a code of 128 + n says that signal n ended it, or that it says so itself. */
export function exitText(exitCode: number): string {
  const signal = exitCode > 128 ? signalNames[exitCode - 128] : undefined;
  return signal === undefined ? `exit ${exitCode}` : `exit ${exitCode} · ${signal}`;
}

/** "1,234 B", "12.3 KiB", "4.0 MiB". */
export function bytesText(bytes: number): string {
  if (bytes < 10_000) return `${groupDigits(bytes)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = '';
  for (unit of units) {
    value /= 1024;
    if (value < 1000) break;
  }
  return `${value.toFixed(1)} ${unit}`;
}

/** 1234567 → "1,234,567" */
export function groupDigits(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "340 ms", "4.2 s", "1:05", "2:00:07" */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value % 60).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${two(seconds)}` : `${Math.floor(minutes / 60)}:${two(minutes)}:${two(seconds)}`;
}

/** "0.8 ms", "12 ms", "1.3 s": a round trip, where a fraction of a millisecond counts. */
export function roundTripText(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : durationText(ms);
}
