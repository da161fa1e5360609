// JSON set out in lines, token by token: numbers stay as they were written, however long.

const tokens = /"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** @returns undefined when it is no JSON. */
export function tryPrettyJson(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const parts: string[] = [];
  let depth = 0;
  let before = '';
  for (const [token] of text.matchAll(tokens)) {
    const isEnd = token === '}' || token === ']';
    if (isEnd) depth--;
    const isEmpty = isEnd && (before === '{' || before === '[');
    if ((isEnd && !isEmpty) || (!isEnd && /^[{[,]$/.test(before))) parts.push(`\n${'  '.repeat(depth)}`);
    parts.push(token === ':' ? ': ' : token);
    if (token === '{' || token === '[') depth++;
    before = token;
  }
  return parts.join('');
}
