// Which cases of all are meant: by level, and by patterns of ids.

import { levels, type ConformanceCase, type Level } from './case.ts';

/**
 * @param level `must`: only these; `should`: these too; `extension`: all
 * @param patterns ids with `*` and `?`, any case, e.g. `EXEC-START-*`; none: all
 */
export function selectCases(
  cases: readonly ConformanceCase[],
  level: Level,
  patterns: readonly string[],
): ConformanceCase[] {
  const highest = levels.indexOf(level);
  const expressions = patterns.map(globExpression);
  return cases.filter(
    (known) =>
      levels.indexOf(known.level) <= highest &&
      (expressions.length === 0 || expressions.some((expression) => expression.test(known.id))),
  );
}

function globExpression(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i');
}
