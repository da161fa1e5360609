// Writes docs/client-api.md from the declarations and docstrings of what the client library exports: `npm run docs:client-api`.
// A test fails when it is stale. Reads the sources only: a type checker would take ten times as long.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../', import.meta.url));
export const clientApiDoc = `${root}docs/client-api.md`;
/** Declarations of methods stand in docs/protocol.md; their names are enough here. */
const protocolFolder = `${root}shared/protocol/`;

interface Exported {
  readonly name: string;
  readonly file: string;
}

const parsed = new Map<string, ts.SourceFile>();

function sourceOf(file: string): ts.SourceFile {
  const known = parsed.get(file);
  if (known) return known;
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023, true);
  parsed.set(file, source);
  return source;
}

/** What an entry exports, in its order, and where each is declared. */
function exportsOf(file: string): Exported[] {
  return sourceOf(file).statements.flatMap((statement): Exported[] => {
    if (!ts.isExportDeclaration(statement)) return declaredName(statement).map((name) => ({ name, file }));
    const { moduleSpecifier, exportClause } = statement;
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) return [];
    const target = resolve(dirname(file), moduleSpecifier.text);
    if (!exportClause) return exportsOf(target);
    if (!ts.isNamedExports(exportClause)) return [];
    return exportClause.elements.map(({ name }) => ({ name: name.text, file: target }));
  });
}

function isExported(node: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function declaredName(node: ts.Statement): string[] {
  if (!isExported(node)) return [];
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.getText());
  const isNamed =
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isFunctionDeclaration(node);
  return isNamed && node.name ? [node.name.text] : [];
}

/** The text of a docstring, without its stars; tags become words. */
function docOf(node: ts.Node): string {
  const comment = ts.getJSDocCommentsAndTags(node).find((part) => ts.isJSDoc(part));
  if (!comment) return '';
  return comment
    .getText()
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s*@(throws|returns|param) /g, (_, tag: string) => `\n${tag === 'param' ? '- ' : `${tag}: `}`)
    .trim();
}

const indented = (text: string, by: string) => text.replace(/^(?=.)/gm, by);

/** One member or declaration as in a .d.ts, below its docstring. */
function signature(node: ts.Node, text: string, indent: string): string {
  const doc = docOf(node);
  const comment = doc === '' ? '' : indented(doc.replace(/^/gm, '// '), indent);
  return `${comment}${comment === '' ? '' : '\n'}${indent}${text}`;
}

/** Up to where the body begins. */
function head(node: ts.FunctionLikeDeclaration): string {
  const text = node.getText();
  const end = node.body ? node.body.getStart() - node.getStart() : text.length;
  return `${text
    .slice(0, end)
    .replace(/^(export |async )+/, '')
    .trim()};`.replace(/;;$/, ';');
}

function isPublic(member: ts.ClassElement): boolean {
  if (member.name && ts.isPrivateIdentifier(member.name)) return false;
  const modifiers = ts.canHaveModifiers(member) ? ts.getModifiers(member) : undefined;
  return !(modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) ?? false);
}

function classText(node: ts.ClassDeclaration): string {
  const members = node.members.filter(isPublic).flatMap((member) => {
    // What is there for other parts of the library says so.
    if (/^For the (client|handle)[:,]/.test(docOf(member))) return [];
    if (ts.isConstructorDeclaration(member)) {
      const shown = member.parameters.filter((parameter) => ts.getModifiers(parameter)?.some(isReadonly));
      const open = shown.filter((parameter) => !ts.getModifiers(parameter)?.some(isPrivate));
      return open.map((parameter) => signature(parameter, `${parameter.getText()};`, '  '));
    }
    if (ts.isPropertyDeclaration(member)) {
      const type = member.type ? `: ${member.type.getText()}` : initialType(member.initializer);
      const modifiers = ts.getModifiers(member)?.some(isReadonly) ? 'readonly ' : '';
      return [signature(member, `${modifiers}${member.name.getText()}${type};`, '  ')];
    }
    const isShown = ts.isMethodDeclaration(member) || ts.isGetAccessorDeclaration(member);
    return isShown ? [signature(member, head(member).replace(/^((?:static )?)async /, '$1'), '  ')] : [];
  });
  const heritage = node.heritageClauses?.map((clause) => ` ${clause.getText()}`).join('') ?? '';
  return `class ${node.name?.text ?? ''}${heritage} {\n${members.join('\n')}\n}`;
}

const isReadonly = ({ kind }: ts.ModifierLike) => kind === ts.SyntaxKind.ReadonlyKeyword;
const isPrivate = ({ kind }: ts.ModifierLike) => kind === ts.SyntaxKind.PrivateKeyword;

function initialType(initializer: ts.Expression | undefined): string {
  if (!initializer) return '';
  if (ts.isNewExpression(initializer)) {
    const [argument] = initializer.typeArguments ?? [];
    return `: ${initializer.expression.getText()}${argument ? `<${argument.getText()}>` : ''}`;
  }
  if (!ts.isArrowFunction(initializer)) return '';
  const parameters = initializer.parameters.map((parameter) => parameter.getText()).join(', ');
  return `: (${parameters}) => ${initializer.type?.getText() ?? 'void'}`;
}

function textOf(node: ts.Statement): string {
  if (ts.isClassDeclaration(node)) return classText(node);
  if (ts.isFunctionDeclaration(node)) return head(node);
  if (ts.isVariableStatement(node)) return node.getText().replace(/^export /, '');
  return node.getText().replace(/^export /, '');
}

function section({ name, file }: Exported): string {
  const node = sourceOf(file).statements.find((statement) => declaredName(statement).includes(name));
  if (!node) throw new Error(`${name} is not declared in ${relative(root, file)}`);
  const doc = docOf(node).replaceAll(/\n(?=(throws|returns): )/g, '\n\n');
  return `### ${name}\n\n${doc === '' ? '' : `${doc}\n\n`}\`\`\`ts\n${textOf(node)}\n\`\`\`\n`;
}

export function clientApiMarkdown(): string {
  const everywhere = exportsOf(`${root}shared/client/api.ts`);
  const isEverywhere = (name: string) => everywhere.some((other) => other.name === name);
  const inNode = exportsOf(`${root}backend/client/api.ts`).filter(({ name }) => !isEverywhere(name));
  const isDeclaration = ({ file }: Exported) => file.startsWith(protocolFolder);
  const declarations = everywhere.filter(isDeclaration).map(({ name }) => `\`${name}\``);
  return `# What \`exec-workbench/client\` exports

Made from the sources by \`npm run docs:client-api\`. [client.md](client.md) is the guide.

## Everywhere

${everywhere
  .filter((exported) => !isDeclaration(exported))
  .map(section)
  .join('\n')}
### Declarations of the protocol

For \`client.call\`; [protocol.md](protocol.md) tells what they do: ${declarations.join(', ')}.

## Node

In place of the functions of the same name above, \`connectWebSocket\` and \`connectRelay\` send the token in a header.

${inNode.map(section).join('\n')}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(clientApiDoc, clientApiMarkdown());
