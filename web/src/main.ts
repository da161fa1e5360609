// Starts the page.

import { mount } from 'svelte';
import * as z from 'zod';
import App from './App.svelte';
import { addressToKeep, linkedBy } from './lib/deep-link.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/menu.css';

// The page's Content-Security-Policy forbids code from strings, which zod would try.
z.config({ jitless: true });

const linked = linkedBy(location.search);
history.replaceState(null, '', addressToKeep(location.href));

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
mount(App, { target, props: { linked } });
