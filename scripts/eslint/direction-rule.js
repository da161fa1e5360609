// ESLint rule `workbench/direction`: reports every import that points the wrong way (see direction.js).

import { relative, sep } from 'node:path';
import { whyForbidden } from './direction.js';

/**
 * An expression, as ESLint types it.
 * @typedef {Parameters<NonNullable<import('eslint').Rule.NodeListener['ImportExpression']>>[0]['source']} Expression
 */

/** @type {import('eslint').Rule.RuleModule} */
export const directionRule = {
  meta: {
    type: 'problem',
    docs: { description: 'holds proto → shared → backend, web → tests' },
    messages: { forbidden: '{{file}} must not import {{specifier}}: {{why}}' },
    schema: [],
  },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');

    /** @param {Expression | null | undefined} source the module's name */
    function check(source) {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return;
      const why = whyForbidden(file, source.value);
      if (why) context.report({ node: source, messageId: 'forbidden', data: { file, specifier: source.value, why } });
    }

    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      // `import('x').T` and `import x = require('x')`, which ESTree does not have.
      /** @param {{ source: Expression }} node */
      TSImportType: (node) => check(node.source),
      /** @param {{ expression: Expression }} node */
      TSExternalModuleReference: (node) => check(node.expression),
    };
  },
};
