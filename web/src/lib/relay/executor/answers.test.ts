import { expect, test } from 'vitest';
import { exampleError, exampleResult, readAnswer, resultProblems, ruleFor, tellable, type Rule } from './answers.ts';

const rule = (method: string): Rule => ({ method, kind: 'result', text: '{}' });

test('the first rule whose method fits answers; * stands for anything, other characters for themselves', () => {
  const rules = [rule('fs/read*'), rule('process/start'), rule('fs.remove'), rule('*/info')];
  expect(ruleFor(rules, 'fs/readFile')).toBe(rules[0]);
  expect(ruleFor(rules, 'process/start')).toBe(rules[1]);
  expect(ruleFor(rules, 'environment/info')).toBe(rules[3]);
  expect(ruleFor(rules, 'fs/remove')).toBeUndefined();
  expect(ruleFor(rules, 'process/started')).toBeUndefined();
});

test('members of the request stand where the answer names them', () => {
  const params = { processId: 'p1', argv: ['a'] };
  expect(readAnswer('result', '{"processId":"$params.processId","all":[{"of":"$params.argv"}]}', params)).toEqual({
    kind: 'result',
    result: { processId: 'p1', all: [{ of: ['a'] }] },
  });
  expect(readAnswer('result', '"$params.missing"', params)).toEqual({ kind: 'result', result: null });
  expect(readAnswer('result', '"costs $params.processId"', params)).toMatchObject({
    result: 'costs $params.processId',
  });
});

test('what is no JSON and what is no error is said', () => {
  expect(readAnswer('result', '{', {})).toMatchObject({ problem: expect.stringMatching(/^No JSON: /) as string });
  expect(readAnswer('error', '{"code":1.5,"message":"x"}', {})).toHaveProperty('problem');
  expect(readAnswer('error', exampleError('fs/readFile'), {})).toMatchObject({ kind: 'error' });
  expect(readAnswer('error', exampleError('no/such'), {})).toMatchObject({ error: { code: -32603 } });
});

test('a result to begin with takes over what the request says, and is judged by the declaration', () => {
  const example = exampleResult('process/start', { processId: 'p7' });
  expect(JSON.parse(example)).toEqual({ processId: 'p7' });
  expect(resultProblems('process/start', JSON.parse(example))).toEqual([]);
  expect(resultProblems('process/start', {})[0]).toMatch(/^result.processId: missing/);
  expect(resultProblems('no/such', {})).toEqual([]);
});

test('an executor tells of processes, bodies and files', () => {
  expect(tellable).toContain('process/output');
  expect(tellable).not.toContain('initialized');
});
