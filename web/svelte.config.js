// Svelte for the bundler, svelte-check and the editor alike.

import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
  preprocess: vitePreprocess(),
  compilerOptions: {
    /** Runes in our components; libraries decide for themselves. @param {{ filename: string }} file */
    runes: ({ filename }) => (filename.split(/[/\\]/).includes('node_modules') ? undefined : true),
  },
};
