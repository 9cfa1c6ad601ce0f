// Lint: typescript-eslint's strict rules with types, and this project's own few.

import noUnsanitized from 'eslint-plugin-no-unsanitized';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', '.cache/', '.venv/', '.vscode-test/', 'node_modules/', 'test/fixtures/', 'samples/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Numbers and booleans read well in a template; objects and undefined never do.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: null, custom: { regex: '^I[A-Z][a-z]', match: false } },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Spreading a string gives its code points, as Python's list(text) does.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // `array[i] as number` says what the element is; `!` only that it is there.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Loops over typed arrays and tensor shapes need an index.
      '@typescript-eslint/prefer-for-of': 'off',
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportDefaultDeclaration',
          message: 'Export by name: a default export is renamed at every import.',
        },
        { selector: 'TSEnumDeclaration', message: 'Use a union of strings: it survives JSON.' },
      ],
    },
  },
  {
    // noUncheckedIndexedAccess makes `array[i]!` the plain spelling in kernels; a check per element would cost more.
    files: ['src/runtime/**/*.ts', 'src/formats/**/*.ts', 'test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Fakes implement async interfaces without awaiting.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['media/**/*.ts'],
    plugins: { 'no-unsanitized': noUnsanitized },
    rules: { 'no-unsanitized/method': 'error', 'no-unsanitized/property': 'error' },
  },
  {
    // The tools' own configuration and the two bootstraps, which run before node_modules exists.
    files: ['**/*.{js,cjs,mjs}'],
    rules: { eqeqeq: 'error', 'no-undef': 'off', 'prefer-const': 'error', 'no-var': 'error' },
  },
);
