// Builds the workbench into dist/web. The page runs under a strict Content-Security-Policy and from any path: no inline
// scripts, no data: URLs, relative addresses only. The development server's proxy is set up by scripts/dev.js.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2023',
    outDir: '../dist/web',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
