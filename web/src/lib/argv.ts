// A command line ⇄ argv, with the quoting of POSIX shells and without their expansions: what is written is what is run.

/** @returns the words, or what is wrong with the quoting. */
export function splitArgv(line: string): { readonly argv: string[] } | { readonly problem: string } {
  const argv: string[] = [];
  let word: string | undefined;
  for (let index = 0; index < line.length; index++) {
    const char = line.charAt(index);
    if (char === "'" || char === '"') {
      const quoted = readQuoted(line, index);
      if (!quoted) return { problem: `the quote ${char} at column ${index + 1} is not closed` };
      word = (word ?? '') + quoted.text;
      index = quoted.end;
    } else if (char === '\\') {
      index++;
      if (index === line.length) return { problem: 'a backslash at the end escapes nothing' };
      word = (word ?? '') + line.charAt(index);
    } else if (/\s/.test(char)) {
      if (word !== undefined) argv.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) argv.push(word);
  return { argv };
}

/** `end` is the index of the closing quote. */
function readQuoted(line: string, start: number): { text: string; end: number } | undefined {
  const quote = line.charAt(start);
  let text = '';
  for (let index = start + 1; index < line.length; index++) {
    const char = line.charAt(index);
    if (char === quote) return { text, end: index };
    const next = line.charAt(index + 1);
    if (char === '\\' && quote === '"' && next !== '' && '"\\$`'.includes(next)) {
      text += next;
      index++;
    } else {
      text += char;
    }
  }
  return undefined;
}

/** The line that `splitArgv`, and any POSIX shell, reads as `argv`. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}
