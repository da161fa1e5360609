// The language of a text, by its name, for colours only. Each is fetched when it is needed.

import { StreamLanguage, type StreamParser } from '@codemirror/language';
import type { Extension } from '@codemirror/state';

type Load = () => Promise<StreamParser<unknown>>;

const shell: Load = async () => (await import('@codemirror/legacy-modes/mode/shell')).shell;
const xml: Load = async () => (await import('@codemirror/legacy-modes/mode/xml')).html;
const yaml: Load = async () => (await import('@codemirror/legacy-modes/mode/yaml')).yaml;
const properties: Load = async () => (await import('@codemirror/legacy-modes/mode/properties')).properties;
const javascript = (name: 'javascript' | 'typescript' | 'json'): Load => {
  return async () => (await import('@codemirror/legacy-modes/mode/javascript'))[name];
};
const clike = (name: 'c' | 'cpp' | 'java' | 'csharp' | 'kotlin'): Load => {
  return async () => (await import('@codemirror/legacy-modes/mode/clike'))[name];
};

const byExtension: Readonly<Record<string, Load>> = {
  sh: shell,
  bash: shell,
  zsh: shell,
  profile: shell,
  bashrc: shell,
  js: javascript('javascript'),
  mjs: javascript('javascript'),
  cjs: javascript('javascript'),
  jsx: javascript('javascript'),
  ts: javascript('typescript'),
  tsx: javascript('typescript'),
  json: javascript('json'),
  jsonl: javascript('json'),
  c: clike('c'),
  h: clike('c'),
  cc: clike('cpp'),
  cpp: clike('cpp'),
  hpp: clike('cpp'),
  java: clike('java'),
  cs: clike('csharp'),
  kt: clike('kotlin'),
  html: xml,
  xml,
  svg: xml,
  svelte: xml,
  vue: xml,
  yml: yaml,
  yaml,
  ini: properties,
  conf: properties,
  env: properties,
  properties,
  py: async () => (await import('@codemirror/legacy-modes/mode/python')).python,
  rs: async () => (await import('@codemirror/legacy-modes/mode/rust')).rust,
  go: async () => (await import('@codemirror/legacy-modes/mode/go')).go,
  rb: async () => (await import('@codemirror/legacy-modes/mode/ruby')).ruby,
  lua: async () => (await import('@codemirror/legacy-modes/mode/lua')).lua,
  css: async () => (await import('@codemirror/legacy-modes/mode/css')).css,
  sql: async () => (await import('@codemirror/legacy-modes/mode/sql')).standardSQL,
  toml: async () => (await import('@codemirror/legacy-modes/mode/toml')).toml,
  lock: async () => (await import('@codemirror/legacy-modes/mode/toml')).toml,
  diff: async () => (await import('@codemirror/legacy-modes/mode/diff')).diff,
  patch: async () => (await import('@codemirror/legacy-modes/mode/diff')).diff,
  proto: async () => (await import('@codemirror/legacy-modes/mode/protobuf')).protobuf,
  dockerfile: async () => (await import('@codemirror/legacy-modes/mode/dockerfile')).dockerFile,
};

/** @returns nothing for a text of no known language. */
export async function languageOf(name: string): Promise<Extension> {
  const extension = name.toLowerCase().split('.').at(-1) ?? '';
  const load = Object.hasOwn(byExtension, extension) ? byExtension[extension] : undefined;
  return load ? StreamLanguage.define(await load()) : [];
}
