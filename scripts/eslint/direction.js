// Which way things may point: proto → shared → backend, web → tests, and inside backend the process code knows no
// transport. One table and one question, asked by the lint rule beside it and by the test that follows every import.

import { isBuiltin } from 'node:module';
import { posix } from 'node:path';

/**
 * @typedef {object} Zone
 * @property {RegExp} files paths that it holds for, relative to the checkout
 * @property {RegExp} folders what they may import by a relative path
 * @property {RegExp} [except] and what of that they may not
 * @property {boolean} builtins whether Node's modules may be imported
 * @property {RegExp} [packages] which npm packages may be imported; absent: any
 * @property {string} why
 */

const isTest = /\.test\.(ts|js)$/;

/** The first zone that matches a file holds. @type {Zone[]} */
const zones = [
  {
    files: /^shared\/.*\.test\.ts$/,
    folders: /^(shared|tests\/helpers)\//,
    builtins: true,
    why: 'a unit test of shared/ needs shared/ only; what needs more belongs into tests/',
  },
  {
    files: /^shared\//,
    folders: /^shared\//,
    builtins: false,
    packages: /^(zod|@bufbuild\/protobuf)(\/|$)/,
    why: 'shared/ runs in Node and in browsers: no Node modules, no framework, nothing of backend/, web/ or tests/',
  },
  {
    files: /^web\/.*\.test\.ts$/,
    folders: /^(web|shared)\//,
    builtins: true,
    why: 'a unit test of web/ needs web/ and shared/ only; what needs more belongs into tests/',
  },
  {
    files: /^web\/src\//,
    folders: /^(web\/src|shared)\//,
    builtins: false,
    packages: /^(?!(hono|@hono|ws|node-pty|pino|prom-client|commander|tsx|vite|vitest|esbuild|playwright-core)(\/|$))/,
    why: 'web/ runs in the browser and talks through shared/ and the public endpoints',
  },
  {
    files: /^backend\/process\//,
    folders: /^(backend|shared)\//,
    except: /^(backend\/(exec|transports|app|cli|relay)\/|shared\/(protocol|rpc|connection|client|relay)\/)/,
    builtins: true,
    why: 'process code knows no JSON-RPC and no transport: backend/exec/ is where they meet',
  },
  {
    files: /^backend\/transports\//,
    folders: /^(backend|shared)\//,
    except: /^(backend\/(process|fs|http|exec\/handlers)\/|shared\/(protocol|client)\/)/,
    builtins: true,
    why: 'transports know no process, no file and no method: backend/exec/ is where they meet',
  },
  {
    files: /^backend\//,
    folders: /^(backend|shared)\//,
    builtins: true,
    why: 'backend/ builds on shared/ only',
  },
];

/** Type imports count too: a type is knowledge. Test helpers may be used by every unit test of the backend. */
const helpers = /^tests\/helpers\//;

/**
 * Why `file` may not import `specifier`; undefined when it may.
 * @param {string} file relative to the checkout, with forward slashes
 * @param {string} specifier as written in the import
 * @returns {string | undefined}
 */
export function whyForbidden(file, specifier) {
  const zone = zones.find(({ files }) => files.test(file));
  if (!zone) return undefined;
  let allowed;
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(file), specifier);
    allowed =
      (zone.folders.test(target) &&
        !(zone.except?.test(target) ?? false) &&
        (isTest.test(file) || !isTest.test(target))) ||
      (isTest.test(file) && helpers.test(target));
  } else if (isBuiltin(specifier)) {
    allowed = zone.builtins;
  } else {
    allowed = zone.packages?.test(specifier) ?? true;
  }
  return allowed ? undefined : zone.why;
}
