// GET /openapi.json: the HTTP surface of `serve`.

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
      '/openapi.json': { get: { ...open, summary: 'This document', responses: { 200: json('OpenAPI') } } },
    },
  };
}
