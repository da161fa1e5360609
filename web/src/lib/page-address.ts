// The query of the page's address: `?view=inspector&connection=c2&filter=…`. `view` and `connection` belong to the frame, all
// else to the view that is shown.

export type QueryChanges = Readonly<Record<string, string | undefined>>;

const frameNames: readonly string[] = ['view', 'connection'];

export function parameterOf(query: string, name: string): string | undefined {
  return new URLSearchParams(query).get(name) ?? undefined;
}

/** `query` with the changes; `undefined` or '' takes a parameter out. */
export function changedQuery(query: string, changes: QueryChanges): string {
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') parameters.delete(name);
    else parameters.set(name, value);
  }
  return parameters.toString();
}

/** The frame's parameters of `query` with the view's own of `other`. */
export function withParametersOf(other: string, query: string): string {
  const own = new URLSearchParams(other);
  for (const name of frameNames) own.delete(name);
  const frame = new URLSearchParams(query);
  for (const name of [...frame.keys()]) if (!frameNames.includes(name)) frame.delete(name);
  return [frame.toString(), own.toString()].filter((part) => part !== '').join('&');
}
