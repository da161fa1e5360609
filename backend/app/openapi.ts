// GET /openapi.json: the HTTP surface of `serve`.

import { relayProto } from './proto-file.ts';

const errorAnswer = {
  description: 'Error',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['error'],
        properties: {
          error: {
            type: 'object',
            required: ['code', 'message'],
            properties: { code: { type: 'string' }, message: { type: 'string' } },
          },
        },
      },
    },
  },
};

const json = (description: string) => ({
  description,
  content: { 'application/json': { schema: { type: 'object' } } },
});

/** Both spellings of the registry answer alike. */
function registryPaths(spelling: 'executor' | 'environment'): Record<string, unknown> {
  const refusals = { 400: errorAnswer, 401: errorAnswer, 413: errorAnswer };
  const way = json(
    `{${spelling}_id, url, resumable_url}; to Noise peers also security_profile, executor_registration_id`,
  );
  const bundle = json('As register; to Noise peers also executor_public_key, harness_key_authorization');
  const validity = json('{valid}');
  return {
    [`/cloud/${spelling}`]: { get: { summary: 'Who is online', responses: { 200: json('List'), 401: errorAnswer } } },
    [`/cloud/${spelling}/{id}/register`]: {
      post: { summary: 'A URL for the executor to dial', responses: { 200: way, ...refusals } },
    },
    [`/cloud/${spelling}/{id}/connect`]: {
      post: { summary: 'A URL for a harness to dial', responses: { 200: bundle, ...refusals, 409: errorAnswer } },
    },
    [`/cloud/${spelling}/{id}/validate`]: {
      post: { summary: 'Whether the key of a harness was let in', responses: { 200: validity, ...refusals } },
    },
  };
}

export function openApi(version: string): Record<string, unknown> {
  const open = { security: [] };
  return {
    openapi: '3.1.0',
    info: { title: 'Exec Workbench', version, license: { name: 'MIT' } },
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        query: { type: 'apiKey', in: 'query', name: 'token' },
      },
    },
    security: [{ bearer: [] }, { query: [] }],
    paths: {
      '/': {
        get: {
          summary: 'The workbench; with a WebSocket upgrade, the exec server',
          responses: {
            101: { description: 'WebSocket' },
            200: { description: 'The page' },
            401: { description: 'No token' },
            403: errorAnswer,
          },
        },
      },
      '/exec': {
        get: {
          summary: 'The exec server: JSON-RPC, one message per WebSocket text message',
          responses: {
            101: { description: 'WebSocket' },
            401: { description: 'No token' },
            403: errorAnswer,
            426: errorAnswer,
          },
        },
      },
      '/healthz': { get: { ...open, summary: 'Whether the server lives', responses: { 200: json('It does') } } },
      '/readyz': {
        get: { ...open, summary: 'Whether the server takes connections', responses: { 200: json('It does') } },
      },
      '/metrics': {
        get: {
          summary: 'Prometheus metrics',
          responses: { 200: { description: 'Prometheus text' }, 401: errorAnswer },
        },
      },
      '/schema/exec-server.json': {
        get: { ...open, summary: 'JSON Schema of the exec-server protocol', responses: { 200: json('JSON Schema') } },
      },
      '/openrpc.json': {
        get: { ...open, summary: 'The methods of the exec-server protocol', responses: { 200: json('OpenRPC') } },
      },
      [`/proto/${relayProto}`]: {
        get: {
          ...open,
          summary: 'The frames of the relay',
          responses: { 200: { description: 'Protocol Buffers source', content: { 'text/plain': {} } } },
        },
      },
      ...registryPaths('executor'),
      ...registryPaths('environment'),
      '/relay/{id}': {
        get: {
          ...open,
          summary: 'The rendezvous: one relay frame per binary WebSocket message; needs a signed URL from the registry',
          responses: {
            101: { description: 'WebSocket' },
            401: { description: 'No valid signature' },
            403: errorAnswer,
          },
        },
      },
      '/api/relay': {
        get: { summary: 'Counters of the relay', responses: { 200: json('Counters'), 401: errorAnswer } },
      },
      '/api/relay/executors/{id}/streams': {
        get: {
          summary: 'Streams of an executor that is connected to this node',
          responses: { 200: json('Streams'), 401: errorAnswer, 404: errorAnswer },
        },
      },
      '/api/relay/executors/{id}/events': {
        get: {
          summary: 'The live picture of its streams as server-sent events; every_ms from 100 to 10000, default 500',
          responses: {
            200: { description: 'Events named picture', content: { 'text/event-stream': {} } },
            400: errorAnswer,
            401: errorAnswer,
            503: errorAnswer,
          },
        },
      },
      '/api/relay/executors/{id}/impairment': {
        get: { summary: 'How bad its link is made', responses: { 200: json('Impairment'), 401: errorAnswer } },
        put: {
          summary: 'Make its link bad: drop, duplicate, reorder, delay, throttle, cut; seeded',
          responses: { 200: json('Impairment'), 400: errorAnswer, 401: errorAnswer },
        },
        delete: { summary: 'Make it good again', responses: { 200: json('Impairment'), 401: errorAnswer } },
      },
      '/api/relay/executors/{id}/cut': {
        post: {
          summary: 'Break its connection, or those of its harnesses, once',
          responses: { 200: json('How many'), 400: errorAnswer, 401: errorAnswer },
        },
      },
      '/openapi.json': { get: { ...open, summary: 'This document', responses: { 200: json('OpenAPI') } } },
    },
  };
}
