// Structured logs to stderr. What may hold a secret is not logged at all; these paths guard against a slip.

import { destination, pino, type Logger } from 'pino';

export function makeLog(level: string): Logger {
  return pino(
    { level, base: null, redact: ['token', 'authorization', 'env', '*.token', '*.authorization', '*.env', 'url'] },
    destination({ fd: 2, sync: true }),
  );
}
