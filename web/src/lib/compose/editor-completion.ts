// What the editor of a message completes: methods, the members of their params, fixed values, ids of known processes. Reads
// the editor's own syntax tree, which also stands while the text is not yet JSON.

import type { CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { syntaxTree } from '@codemirror/language';
import type { EditorState } from '@codemirror/state';
import type { SyntaxNode } from '@lezer/common';
import { catalogEntry, composable } from './catalog.ts';
import type { FormField, FormType } from './form-model.ts';

const envelopeMembers = [
  { name: 'id', doc: 'a text or an integer; a notification has none' },
  { name: 'method', doc: '' },
  { name: 'params', doc: '' },
  { name: 'trace', doc: 'traceparent, tracestate' },
];

/** @param processIds Those that are known now. */
export function messageCompletion(processIds: () => readonly string[]) {
  return (context: CompletionContext): CompletionResult | null => {
    const { state, pos } = context;
    const word = context.matchBefore(/"?[\w/.-]*/);
    const node = syntaxTree(state).resolveInner(pos, -1);
    const property = ancestor(node, 'Property');
    const isName =
      node.name === 'PropertyName' || (!isInValue(node, property, pos) && !context.matchBefore(/:\s*"?[\w/.-]*/));
    const isText = node.name === 'String' || node.name === 'PropertyName';
    const from = isText ? node.from : (word?.from ?? pos);
    // The quote that the editor has closed by itself is replaced, too.
    const to = isText && state.sliceDoc(pos, node.to) === '"' ? node.to : pos;
    if (from === pos && !context.explicit) return null;
    const method = methodOf(state);
    if (isName) {
      const path = pathOf(state, node.name === 'PropertyName' ? property?.parent : (ancestor(node, 'Object') ?? node));
      const names = path.length === 0 ? envelopeMembers : membersAt(method, path);
      return result(
        from,
        to,
        names.map(({ name, doc }) => ({ text: JSON.stringify(name), doc })),
      );
    }
    const path = pathOf(state, property);
    return result(
      from,
      to,
      valuesAt(method, path, processIds()).map((value) => ({ text: value, doc: docOf(value) })),
    );
  };
}

function result(
  from: number,
  to: number,
  options: readonly { readonly text: string; readonly doc: string }[],
): CompletionResult | null {
  if (options.length === 0) return null;
  return {
    from,
    to,
    options: options.map(({ text, doc }) => ({ label: text, ...(doc === '' ? {} : { detail: doc }) })),
    validFor: /^"?[\w/.-]*"?$/,
  };
}

function docOf(value: string): string {
  return catalogEntry(value.replace(/^"|"$/g, ''))?.doc ?? '';
}

function valuesAt(method: string, path: readonly string[], processIds: readonly string[]): readonly string[] {
  if (path.length === 1 && path[0] === 'method') return composable.map((name) => JSON.stringify(name));
  const name = path.at(-1);
  if (name === 'processId') return processIds.map((id) => JSON.stringify(id));
  const field = fieldsAt(method, path.slice(0, -1)).find((one) => one.name === name);
  return field ? literalsOf(field) : [];
}

function literalsOf({ type, isNullable }: FormField): readonly string[] {
  const values =
    type.kind === 'choice'
      ? type.values.map((value) => JSON.stringify(value))
      : type.kind === 'boolean'
        ? ['true', 'false']
        : type.kind === 'variants'
          ? type.variants.map(({ name }) => JSON.stringify({ [type.member]: name }))
          : [];
  return isNullable ? [...values, 'null'] : values;
}

function membersAt(method: string, path: readonly string[]): readonly { name: string; doc: string }[] {
  return fieldsAt(method, path).map(({ name, description, isRequired }) => ({
    name,
    doc: isRequired ? description || 'required' : description || 'optional',
  }));
}

/** The fields of the object at a path that begins with `params`. */
function fieldsAt(method: string, path: readonly string[]): readonly FormField[] {
  const [first, ...rest] = path;
  if (first !== 'params') return [];
  let fields = catalogEntry(method)?.fields ?? [];
  for (const name of rest) {
    const type = fields.find((one) => one.name === name)?.type;
    fields = type ? fieldsOf(type) : fields;
  }
  return fields;
}

function fieldsOf(type: FormType): readonly FormField[] {
  switch (type.kind) {
    case 'object':
      return type.fields;
    case 'list':
      return fieldsOf(type.item);
    case 'variants':
      return type.variants.flatMap(({ fields }) => fields);
    default:
      return [];
  }
}

function methodOf(state: EditorState): string {
  return /"method"\s*:\s*"([^"\\]*)"/.exec(state.doc.toString())?.[1] ?? '';
}

/** Names of the properties around a node, outermost first; places in arrays are left out. */
function pathOf(state: EditorState, node: SyntaxNode | null | undefined): readonly string[] {
  const path: string[] = [];
  for (let at = node ?? null; at; at = at.parent) {
    if (at.name !== 'Property') continue;
    const name = at.getChild('PropertyName');
    if (name) path.unshift(state.sliceDoc(name.from, name.to).replace(/^"|"$/g, ''));
  }
  return path;
}

function ancestor(node: SyntaxNode, name: string): SyntaxNode | undefined {
  for (let at: SyntaxNode | null = node; at; at = at.parent) if (at.name === name) return at;
  return undefined;
}

/** Whether the place is behind the name of the property that it is in. */
function isInValue(node: SyntaxNode, property: SyntaxNode | undefined, pos: number): boolean {
  const name = property?.getChild('PropertyName');
  return name !== null && name !== undefined && pos > name.to && node.name !== 'Object';
}
