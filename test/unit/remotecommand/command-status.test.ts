import { describe, expect, it } from 'vitest';
import {
  type CommandStatus,
  commandStatus,
  errorStreamText,
  exitCodeOf,
  readErrorStream,
} from '../../../src/remotecommand/command-status.ts';
import type { CommandEnd } from '../../../src/remotecommand/remote-command.ts';

const handedOn: CommandStatus = { status: 'Failure', message: 'of another', reason: 'BadRequest', code: 400 };

describe('the status of a command', () => {
  it.each<[string, CommandEnd, string, string]>([
    ['success', { exitCode: 0 }, '{"status":"Success"}', ''],
    [
      'an exit code',
      { exitCode: 3 },
      '{"status":"Failure","message":"command terminated with non-zero exit code: exit status 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}',
      'command terminated with non-zero exit code: exit status 3',
    ],
    [
      'an error',
      { error: 'error executing command in container: no such file' },
      '{"status":"Failure","message":"Internal error occurred: error executing command in container: no such file","reason":"InternalError","code":500}',
      'Internal error occurred: error executing command in container: no such file',
    ],
    ['one that was handed on', { status: handedOn }, JSON.stringify(handedOn), 'of another'],
  ])('is told for %s as JSON since v4 and as its message before', (_, end, json, text) => {
    expect(errorStreamText(commandStatus(end), true)).toBe(json);
    expect(errorStreamText(commandStatus(end), false)).toBe(text);
    expect(readErrorStream(json)).toEqual(JSON.parse(json));
  });

  it.each<[string, string]>([
    ['', 'error stream protocol error: Unexpected end of JSON input in ""'],
    ['oops', 'error stream protocol error: Unexpected token'],
    ['null', 'error stream protocol error: unknown error'],
    ['{"status":"Maybe"}', 'error stream protocol error: unknown error'],
  ])('is a failure where the error stream carried %j', (text, message) => {
    expect(readErrorStream(text)).toMatchObject({ status: 'Failure', message: expect.stringContaining(message) });
  });

  it.each<[CommandStatus, number | undefined]>([
    [commandStatus({ exitCode: 0 }), 0],
    [commandStatus({ exitCode: 137 }), 137],
    [commandStatus({ error: 'x' }), undefined],
    [{ status: 'Failure', reason: 'NonZeroExitCode' }, undefined],
    [
      { status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '-1' }] } },
      undefined,
    ],
  ])('tells the exit code of %j: %s', (status, code) => {
    expect(exitCodeOf(status)).toBe(code);
  });
});
