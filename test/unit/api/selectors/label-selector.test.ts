import { describe, expect, it } from 'vitest';
import {
  labelSelectorOf,
  labelSelectorParameter,
  parseLabelSelector,
} from '../../../../src/api/selectors/label-selector.ts';

/** Text and canonical text, as upstream's own parser answers. */
const READ: readonly (readonly [text: string, canonical: string])[] = [
  ['a=b', 'a=b'],
  ['a == b', 'a==b'],
  ['a!=b', 'a!=b'],
  ['a in (b, c)', 'a in (b,c)'],
  ['a notin (c,b)', 'a notin (b,c)'],
  ['a', 'a'],
  ['!a', '!a'],
  ['a>1', 'a>1'],
  ['a<9', 'a<9'],
  ['b=2,a=1', 'a=1,b=2'],
  ['', ''],
  ['  a  ', 'a'],
  ['x in (foo,,baz),y,z notin ()', 'x in (,baz,foo),y,z notin ()'],
  ['a in (,)', 'a in ()'],
  ['a in ()', 'a in ()'],
  ['in in (in)', 'in in (in)'],
  ['notin notin (notin)', 'notin notin (notin)'],
  ['a=', 'a='],
  ['a=,b=', 'a=,b='],
  ['app.kubernetes.io/name=web', 'app.kubernetes.io/name=web'],
  ['a in (b,b)', 'a in (b)'],
];

/** Text and message, as upstream's own parser words it. */
const REFUSED: readonly (readonly [text: string, message: string])[] = [
  ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
  ['a=b=c', "found '=', expected: ',' or 'end of string'"],
  ['a in b', "unable to parse requirement: found 'b' expected: '('"],
  ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
  ['a in (b=c)', "unable to parse requirement: found '=', expected: ',' or ')'"],
  ['a,,b', "found ',', expected: identifier after ','"],
  ['a,', "found '', expected: identifier after ','"],
  ['!', "unable to parse requirement: found '', expected: identifier"],
  ['!a=b', "found '=', expected: ',' or 'end of string'"],
  [',a', "found ',', expected: !, identifier, or 'end of string'"],
  ['a in (b,c', "unable to parse requirement: found '', expected: ',' or ')'"],
  ['=b', "found '=', expected: !, identifier, or 'end of string'"],
  ['a=!b', "unable to parse requirement: found '!', expected: identifier"],
  ['a!b', "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"],
  [
    'a>x',
    "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
  ],
  ['a>1,', "found '', expected: identifier after ','"],
  ['a=b!', "found '!', expected: ',' or 'end of string'"],
  [
    '-a=b',
    "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ],
  [
    'a/b/c=d',
    "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
  ],
  ['/a=b', 'unable to parse requirement: <nil>: Invalid value: "/a": prefix part must be non-empty'],
  [
    'a=-b',
    "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
  ],
  ['a=b b', "found 'b', expected: ',' or 'end of string'"],
  ['a in (b c)', "unable to parse requirement: found 'c', expected: ',' or ')'"],
  ['a!=(b)', "unable to parse requirement: found '(', expected: identifier"],
  ['a=b,', "found '', expected: identifier after ','"],
  [
    'a<',
    "unable to parse requirement: values[0]: Invalid value: \"\": for 'Gt', 'Lt' operators, the value must be an integer",
  ],
  [
    '__proto__=x',
    "unable to parse requirement: <nil>: Invalid value: \"__proto__\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ],
  [
    'a=b$',
    "unable to parse requirement: values[0][a]: Invalid value: \"b$\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
  ],
];

const LABELS = { app: 'web', tier: 'front', replicas: '5' };

const MATCHES: readonly (readonly [sentence: string, selector: string, matches: boolean])[] = [
  ['the empty selector matches everything', '', true],
  ['a value that is equal matches', 'app=web', true],
  ['a value that is not equal does not match', 'app=db', false],
  ['an absent label is not equal to anything', 'zone!=eu', true],
  ['an absent label equals nothing, the empty value neither', 'zone=', false],
  ['one of a set matches', 'tier in (back, front)', true],
  ['an absent label is in no set', 'zone in (eu)', false],
  ['an absent label is outside every set', 'zone notin (eu)', true],
  ['presence', 'app', true],
  ['absence', '!app', false],
  ['a number that is greater', 'replicas>4', true],
  ['a number that is not greater', 'replicas>5', false],
  ['a number that is less', 'replicas<6', true],
  ['a text is neither greater nor less', 'app>1', false],
  ['every requirement must hold', 'app=web,tier=back', false],
  ['a name that every object inherits is no label', 'constructor', false],
];

describe('label selectors', () => {
  it.each(READ)('reads %j', (text, canonical) => {
    expect(parseLabelSelector(text).toString()).toBe(canonical);
    expect(parseLabelSelector(canonical).toString()).toBe(canonical);
  });

  it.each(REFUSED)('refuses %j', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
    expect(() => labelSelectorParameter(text)).toThrow(expect.objectContaining({ httpCode: 400, message }));
  });

  it.each(MATCHES)('%s', (_, selector, matches) => {
    expect(labelSelectorParameter(selector).matches(LABELS)).toBe(matches);
  });

  it('matches an object without labels', () => {
    expect(parseLabelSelector('!app').matches(undefined)).toBe(true);
  });

  it('reads a LabelSelector object', () => {
    const selector = labelSelectorOf({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['front', 'back'] },
        { key: 'zone', operator: 'DoesNotExist' },
      ],
    });
    expect(selector?.toString()).toBe('app=web,tier in (back,front),!zone');
  });

  it('takes an absent LabelSelector object for nothing and an empty one for everything', () => {
    expect(labelSelectorOf(undefined)).toBeUndefined();
    expect(labelSelectorOf({})?.isEmpty()).toBe(true);
  });

  it('refuses an operator that does not exist', () => {
    const object = { matchExpressions: [{ key: 'a', operator: 'Near', values: ['b'] }] };
    expect(() => labelSelectorOf(object)).toThrow('"Near" is not a valid label selector operator');
  });

  it('refuses a set without values in an object', () => {
    const object = { matchExpressions: [{ key: 'a', operator: 'In' }] };
    expect(() => labelSelectorOf(object)).toThrow("for 'in', 'notin' operators, values set can't be empty");
  });
});
