// What the linter holds: promises are awaited, types come from declarations instead of `any`, switches are exhaustive, and
// dependencies point one way. Layout is Prettier's business, so no rule here is about layout.

import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { directionRule } from './scripts/eslint/direction-rule.js';
import svelteConfig from './web/svelte.config.js';

/** Globals of Node and of the DOM that type-checking of shared/ would miss where a library declares them. */
const notInShared = [
  'process',
  'Buffer',
  'global',
  'require',
  'setImmediate',
  'window',
  'document',
  'navigator',
  'console',
];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'shared/gen/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  svelte.configs.recommended,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname, extraFileExtensions: ['.svelte'] },
    },
    plugins: { workbench: { rules: { direction: directionRule } } },
    rules: {
      'workbench/direction': 'error',
      // By name it takes all of its locales into each bundle, 540 kB.
      'no-restricted-syntax': [
        'error',
        { selector: 'ImportDeclaration[source.value="zod"] > ImportSpecifier', message: "import * as z from 'zod'" },
      ],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-undef': 'off', // the compiler's work
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off', // `() => close()` reads well
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-type-parameters': 'off', // typed maps and declarations want them
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-dynamic-delete': 'off', // environments and settings are plain records
      '@typescript-eslint/require-await': 'off', // an async function may only promise that it never throws at once
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      // It takes what a callback or an `await` may have changed meanwhile for constant.
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser, svelteConfig } },
    rules: { 'prefer-const': 'off', 'svelte/prefer-const': 'error' },
  },
  {
    files: ['shared/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-globals': ['error', ...notInShared] },
  },
  {
    // A test may know better than the types what it has made itself.
    files: ['**/*.test.ts', 'tests/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off', // expect.any() and its like are `any`
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  // Small programs that tests start, and examples: plain JavaScript outside of every tsconfig.
  { files: ['tests/**/*.mjs', 'examples/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
