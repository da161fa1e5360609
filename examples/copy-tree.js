// Copies a folder tree from another machine to this one, file by file and block by block:
//
//   node examples/copy-tree.js ws://127.0.0.1:8765/exec /etc/ssl ./ssl
//
// The token, if the server asks for one, comes from EXEC_WORKBENCH_TOKEN.

import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { connectWebSocket } from 'exec-workbench/client';

const [url = '', from = '', to = ''] = process.argv.slice(2);
if (to === '') {
  console.error('usage: node copy-tree.js URL FROM TO');
  process.exit(2);
}

const client = await connectWebSocket(url, { token: process.env.EXEC_WORKBENCH_TOKEN });
try {
  const root = from.replace(/\/+$/, '');
  const { entries, errors, isTruncated } = await client.fs.walk(root);
  for (const { path, message } of errors) console.error(`left out: ${path}: ${message}`);
  if (isTruncated) console.error('left out: what is beyond the limits of one walk');

  let files = 0;
  for (const { path, kind } of entries) {
    const place = join(to, path.slice(root.length));
    await mkdir(kind === 'directory' ? place : dirname(place), { recursive: true });
    if (kind === 'directory') continue;
    await pipeline(client.fs.createReadStream(path), createWriteStream(place));
    files++;
  }
  console.log(`${files} files`);
} finally {
  client.close();
}
