// How much room the window has, in CSS pixels: 1440 by 900 at a zoom of 200 % are 720 by 450.

import { MediaQuery } from 'svelte/reactivity';

/** Panes lie one above the other, as Split lays them: one that has nothing to show would only take room. */
export const isNarrow = new MediaQuery('width <= 760px', false);
/** There is room for one pane at a time. */
export const isTight = new MediaQuery('(width <= 760px) and (height <= 600px)', false);
