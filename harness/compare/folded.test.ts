// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { Finding } from './finding.ts'
import { folded, othersOf } from './folded.ts'

const finding = (kind: Finding['kind'], where: string, more: Partial<Finding> = {}): Finding => ({
  ...{ kind, where, kernel: undefined, was: undefined, is: undefined, matters: true },
  ...more,
})
const broken = (where: string, is = 'failed: expected 1 to be 2') =>
  finding('test', where, { was: 'passed', is })
const behaviour = (where: string, text: string, more: Partial<Finding> = {}) =>
  finding('behaviour', where, { text: `${where}: ${text}`, ...more })
const shown = (findings: readonly Finding[]) =>
  folded(findings).map(each => [each.first.where, othersOf(each)])

test('tests of a file that break are one change, and so are requests that are answered alike', () => {
  expect(
    shown([
      behaviour('get', 'ENOENT became EINVAL'),
      behaviour('set', 'ENOENT became EPERM'),
      behaviour('del', 'ENOENT became EINVAL'),
      broken('a.test.ts > x'),
      broken('b.test.ts > x'),
      broken('a.test.ts > y > z', 'failed: timeout'),
    ]),
  ).toEqual([
    ['get', 'the same of: del'],
    ['set', ''],
    ['a.test.ts > x', 'and in this file: y > z'],
    ['b.test.ts > x', ''],
  ])
})

test('a part that is new or gone in several messages is one change, whatever its values', () => {
  const part = (where: string, rest: string) => behaviour(where, `attribute 5 of ${where}${rest}`)
  expect(
    shown([
      part('get', ' is new: 01 (1)'),
      part('set', ', as told to group x is new: 01 (1)'),
      part('add', ', as told to group x is new: 02 (2)'),
      part('del', ', as told to group x is gone, was 02 (2)'),
      part('put', ': 01 (1) became 02 (2)'),
      part('mix', ': 01 (1) became 03 (3)'),
      behaviour('get dump', 'attribute 5 of get is new: 04 (4)'),
      behaviour('get dump in another network namespace', 'attribute 5 of get is new: 04 (4)'),
      part('add', ', as told to the requester, as in group x is new: 02 (2)'),
      behaviour('put', 'version of put: 1 became 2'),
      behaviour('mix dump', 'version of mix: 1 became 2'),
      behaviour('mixed', 'version of mix: 1 became 2'),
      part('a', ' is in another byte order: 01 00 (1) became 00 01 (256)'),
      part('b', ' is in another byte order: 02 00 (2) became 00 02 (512)'),
    ]),
  ).toEqual([
    ['get', 'the same of: get dump; get dump in another network namespace'],
    ['set', 'the same of: add'],
    ['del', ''],
    ['put', ''],
    ['mix', ''],
    ['put', 'the same of: mix dump'],
    ['mixed', ''],
    ['a', 'the same of: b'],
  ])
})

test('so it is in events that name no request', () => {
  const heard = (what: string, rest: string) =>
    behaviour('protocol 16', '', { text: `attribute 5 of ${what}, as told to group x${rest}` })
  const some = [
    heard('add', ': 00 (0) became 01 (1)'),
    heard('set', ': 00 (0) became 01 (1)'),
    heard('del', ' is new: 01 (1)'),
    heard('get', ' is new: 02 (2)'),
    heard('put', ': 00 (0) became 02 (2)'),
    behaviour('protocol 16', '', { text: 'group x is told add, was set' }),
    behaviour('protocol 16', '', { text: 'group x is now told get' }),
    behaviour('protocol 16', '', { text: 'group x is now told 15 x get' }),
    behaviour('protocol 16', '', { text: 'group y is now told get' }),
    behaviour('protocol 16', '', { text: 'group x is no longer told get' }),
  ]
  expect(folded(some).map(each => [each.first.text, othersOf(each)])).toEqual([
    [some[0]?.text, 'the same of: set'],
    [some[2]?.text, 'the same of: get'],
    [some[4]?.text, ''],
    [some[5]?.text, ''],
    [some[6]?.text, ''],
    [some[8]?.text, ''],
    [some[9]?.text, ''],
  ])
})

test('a value in the answers to many requests is that in single ones, whatever it is', () => {
  const value = (where: string, of: string, change: string) =>
    behaviour(where, `attribute 5 of ${of}: ${change}`)
  expect(
    shown([
      value('40 requests: add, del', 'add', '03 became 04'),
      value('50 requests: add', 'add', '05 became 06'),
      value('add', 'add', '00 became 01'),
      value('50 requests: set', 'set', '01 became 03'),
      behaviour('50 requests: add', 'flags of add: 0 became MULTI'),
      behaviour('5 requests: add, list', 'flags of list: 0 became MULTI'),
      behaviour('list', 'flags of list: 0 became MULTI'),
    ]),
  ).toEqual([
    ['add', 'the same of: 40 requests: add, del; 50 requests: add'],
    ['50 requests: set', ''],
    ['50 requests: add', ''],
    ['list', 'the same of: 5 requests: add, list'],
  ])
})

test('an event that is not told, and one that is not told each time, are one change', () => {
  const told = (text: string) => finding('behaviour', 'protocol 16', { text: `group events is ${text}` })
  const all = [
    told('no longer told 2 x del'),
    told('no longer told del each time'),
    told('no longer told set each time'),
  ]
  expect(folded(all).map(({ first }) => first.text)).toEqual([all[0]?.text, all[2]?.text])
})

test('lines that are logged at another level are one change, where it is the same level', () => {
  const level = (line: string, was: string, is: string) =>
    finding('log', 'while tests run', {
      was,
      is,
      text: `the kernel logs '${line}' at level ${is}, was ${was}`,
    })
  const all = [
    level('a added', 'info', 'notice'),
    level('b added', 'info', 'notice'),
    level('c', 'info', 'err'),
  ]
  const other = finding('log', 'while tests run', {
    was: 'info',
    is: 'notice',
    text: "the kernel logs 'info', was 'notice'",
  })
  expect(folded([...all, other]).map(each => [each.first.text, othersOf(each)])).toEqual([
    ["the kernel logs 'a added' at level notice, was info", "the same of: 'b added'"],
    ["the kernel logs 'c' at level err, was info", ''],
    [other.text, ''],
  ])
})

test('the one that was seen most often stands for all', () => {
  const often = { ...behaviour('set', 'ENOENT became EINVAL'), count: 3 }
  expect(
    shown([behaviour('get', 'ENOENT became EINVAL'), often, behaviour('del', 'ENOENT became EINVAL')]),
  ).toEqual([['set', 'the same of: get; del']])
})

test('what is not alike stays apart; of many the first are named', () => {
  const apart = [
    behaviour('get', 'ENOENT became EINVAL'),
    behaviour('del', 'ENOENT became EINVAL', { kernel: 'debian-6.1' }),
    broken('a.test.ts > x'),
    finding('test', 'a.test.ts > y', { was: 'failed', is: 'passed', matters: false }),
    finding('test', 'a.test.ts', { was: 'passed', is: 'failed: it does not load' }),
    finding('log', 'while tests run', { text: 'a' }),
    finding('log', 'while tests run', { text: 'a' }),
  ]
  expect(folded(apart)).toHaveLength(apart.length)
  const many = Array.from({ length: 9 }, (_, at) => broken(`a.test.ts > ${at}`))
  expect(shown(many)).toEqual([['a.test.ts > 0', 'and in this file: 1; 2; 3; 4; 4 others']])
  expect(shown(many.slice(0, 6))).toEqual([['a.test.ts > 0', 'and in this file: 1; 2; 3; 4; 5']])
})

test('what a datagram of many requests shows is what single ones show', () => {
  const many = { ...behaviour('50 requests: set', '43 x ENOSPC became 43 x ENOBUFS'), count: 9 }
  expect(shown([many, behaviour('set', 'ENOSPC became ENOBUFS')])).toEqual([
    ['set', 'the same of: 50 requests: set'],
  ])
})

test('a report of the kernel that several files show is one', () => {
  const warn = (where: string, is = 'WARN: a') => finding('splat', where, { is })
  const failed = (where: string) => finding('test', where, { was: 'passed', is: 'failed: WARN: a' })
  expect(
    shown([
      warn('a.test.ts'),
      warn('b.test.ts > x'),
      warn('c.test.ts', 'WARN: b'),
      failed('a.test.ts'),
      failed('b.test.ts'),
    ]),
  ).toEqual([
    ['a.test.ts', 'and in: b.test.ts > x; b.test.ts'],
    ['c.test.ts', ''],
  ])
})

test('what may follow from other changes is one', () => {
  const follows = true as const
  const findings = [
    behaviour('list', 'one became ENOENT'),
    behaviour('get', 'one became EINVAL', { follows }),
    behaviour('del', 'acknowledgement became ENOENT', { follows }),
  ]
  const only = 'only where the sides have asked differently since an earlier change'
  expect(shown(findings)).toEqual([
    ['list', ''],
    ['get', `${only}, and with it del: acknowledgement became ENOENT`],
  ])
  expect(shown(findings.slice(0, 2))).toEqual([
    ['list', ''],
    ['get', only],
  ])
})

test('an operation that takes longer is one change, whatever it is answered by', () => {
  const longer = (where: string) => finding('time', where, { text: `${where}: a request takes longer` })
  expect(shown([longer('get: ENOENT'), longer('get: reply'), longer('set: ENOENT')])).toEqual([
    ['get: ENOENT', 'the same of: get: reply'],
    ['set: ENOENT', ''],
  ])
})

test('answers of many messages that end otherwise are one change, however many there are', () => {
  expect(
    shown([
      behaviour('get', 'get, end of dump became get, EAGAIN', { count: 9 }),
      behaviour('get', '499 x get, end of dump became 499 x get, EAGAIN'),
      behaviour('get', '2 x get, end of dump became get, end of dump'),
      behaviour('get', 'get, end of dump became 2 x get, end of dump'),
    ]),
  ).toEqual([
    ['get', ''],
    ['get', ''],
    ['get', ''],
  ])
})

test('a test that fails by what the kernel reports, or by what is left, is one change with that', () => {
  const splat = finding('splat', 'b.test.ts > x', { is: 'WARN: a' })
  const memory = (where: string) => finding('memory', where, { is: 'objects of skbuff are left' })
  const failed = (where: string, is: string) => broken(where, `failed: ${is}`)
  const all = [
    ...[splat, failed('b.test.ts > x', 'WARN: a'), failed('b.test.ts > y', 'WARN: a')],
    ...[
      failed('c.test.ts > x', 'objects of skbuff are left'),
      memory('c.test.ts > x'),
      memory('d.test.ts > x'),
    ],
  ]
  expect(folded(all).map(each => [each.first.kind, each.first.where, othersOf(each)])).toEqual([
    ['splat', 'b.test.ts > x', 'and in: b.test.ts > y'],
    ['memory', 'c.test.ts > x', 'and in: d.test.ts > x'],
  ])
})

test('values in entries of a dump, and how many come while others go, follow from its order', () => {
  const order = behaviour('get dump', 'the same entries in another order')
  const value = (where: string, more: Partial<Finding> = {}) =>
    behaviour(where, 'attribute 1 of get: 01 became a3', { count: 5, ...more })
  expect(
    shown([
      value('get dump'),
      order,
      behaviour('get dump', '481 entries, was 486'),
      value('get dump', { kernel: 'debian-6.1' }),
      value('set dump'),
      behaviour('get dump', 'flags of get: 0 became MULTI'),
    ]),
  ).toEqual([
    ['get dump', 'and with it: attribute 1 of get: 01 became a3; 481 entries, was 486'],
    ['get dump', ''],
    ['set dump', ''],
    ['get dump', ''],
  ])
})

test('what a requester no longer hears of its own is one change, also where it alone listens', () => {
  const event = (text: string) => behaviour('protocol 16', '', { text })
  const own = (what: string, end = '') =>
    event(`group x: the requester is no longer told of its own ${what}${end}`)
  const all = [
    event('group x is no longer told 2 x set'),
    own('set', ', though others are'),
    own('del', ', though others are'),
    event('group x is no longer told add'),
    event('set: group x is told of it twice, was told once'),
    event('del: group x is told of it twice, was told once'),
  ]
  expect(folded(all).map(each => [each.first.text, othersOf(each)])).toEqual([
    [all[1]?.text, 'the same of: del'],
    [all[3]?.text, ''],
    [all[4]?.text, 'the same of: del'],
  ])
})

const logged = (text: string, was?: string, is?: string, more: Partial<Finding> = {}) =>
  finding('log', 'while tests run', { text: `the kernel ${text}`, was, is, ...more })

test('lines that differ in the name of their module alone are one change', () => {
  const renamed = (line: string) =>
    logged(`logs 'nctable: ${line}', was 'nctab: ${line}'`, `nctab: ${line}`, `nctable: ${line}`)
  expect(
    shown([
      renamed('loaded'),
      renamed('full (32)'),
      logged("logs 'nctable: x', was 'nctab: y'", 'nctab: y', 'nctable: x'),
    ]),
  ).toEqual([
    ['while tests run', "the same of: 'nctable: full (32)'"],
    ['while tests run', ''],
  ])
})

test('other numbers in a line, and how often it comes with which, are one change', () => {
  const changed = logged("logs 'removing 32', was 'flushing 32'", 'flushing 32', 'removing 32')
  const often = (is: string, was: string, line = 'flushing 1') =>
    logged(`logs '${line}' ${is}, was ${was}`, was, is)
  expect(
    shown([
      often('6 times', '43 times'),
      changed,
      logged("now logs 'removing 2'", undefined, 'removing 2', { count: 11 }),
      often('once', '59 times'),
      logged("no longer logs 'flushing 3'", 'flushing 3'),
      logged("no longer logs 'full 3'", 'full 3'),
    ]),
  ).toEqual([
    [
      'while tests run',
      "and with it: logs 'flushing 1' 6 times, was 43 times; now logs 'removing 2'; logs 'flushing 1' once, was 59 times; no longer logs 'flushing 3'",
    ],
    ['while tests run', ''],
  ])
  expect(
    shown([
      often('6 times', '43 times'),
      often('2 times', '3 times', 'flushing 2'),
      often('9 times', 'once'),
    ]),
  ).toEqual([
    ['while tests run', "and with it: logs 'flushing 2' 2 times, was 3 times"],
    ['while tests run', ''],
  ])
})

const outcome = (
  where: string,
  was: string | undefined,
  is: string | undefined,
  more: Partial<Finding> = {},
) => {
  const change =
    is === undefined
      ? `no answer, was ${was}`
      : was === undefined
        ? `is answered by ${is}, was not answered`
        : `${was} became ${is}`
  return behaviour(where, change, { was, is, ...more })
}

test('an answer of their own that becomes an error is one change, with or without an acknowledgement', () => {
  expect(
    shown([
      outcome('x command 6', 'x command 6', 'EALREADY', { count: 2 }),
      outcome('x command 6', 'x command 6, acknowledgement', 'EALREADY', { count: 822 }),
      outcome('y command 6', 'y command 6, acknowledgement', 'EALREADY', { count: 8 }),
      outcome('x command 7', 'x command 7, acknowledgement', 'x command 7'),
      outcome('x command 8', 'acknowledgement', 'EALREADY'),
      outcome('x command 9 dump', '3 x x command 9, end of dump', 'EALREADY'),
      outcome('x command 5 dump', '2 x x command 5, end of dump', 'EALREADY'),
    ]),
  ).toEqual([
    ['x command 6', 'the same of: y command 6'],
    ['x command 7', ''],
    ['x command 8', ''],
    ['x command 9 dump', 'the same of: x command 5 dump'],
  ])
})

test('what a datagram of many requests is answered follows from what single ones are', () => {
  const many = '6 requests: x command 1, x command 2, 4 others'
  const fifty = '50 requests: x command 2'
  expect(
    shown([
      outcome(
        many,
        '4 x EINVAL, acknowledgement, x command 6, acknowledgement',
        '4 x EINVAL, acknowledgement, EALREADY',
      ),
      outcome('x command 6', 'x command 6, acknowledgement', 'EALREADY'),
      outcome('x command 2', 'ENOSPC', 'acknowledgement'),
      outcome(fifty, '19 x ENOSPC', undefined),
      outcome(fifty, '50 x ENOSPC', '37 x ENOSPC'),
      outcome('50 requests: x command 3', '50 x ENOSPC', '37 x ENOSPC'),
      outcome(fifty, '50 x ENOSPC', '37 x ENOSPC, EPERM'),
    ]),
  ).toEqual([
    ['x command 6', `the same of: ${many}`],
    ['x command 2', `the same of: ${fifty}`],
    ['50 requests: x command 3', ''],
    [fifty, ''],
  ])
  expect(
    shown([
      outcome('x command 2', 'acknowledgement', 'EINVAL'),
      outcome(fifty, undefined, '13 x EINVAL'),
      outcome(fifty, '2 x acknowledgement', 'acknowledgement, EINVAL', { follows: true }),
    ]),
  ).toEqual([
    ['x command 2', `the same of: ${fifty}`],
    [fifty, 'only where the sides have asked differently since an earlier change'],
  ])
})

test('of those that were seen as often, one with a request stands for all', () => {
  const told = (what: string, request?: string) =>
    finding('behaviour', 'protocol 16', {
      text: `group x is now told ${what}`,
      ...(request === undefined ? {} : { request }),
    })
  const [first] = folded([told('5 x set'), told('set', 'set 1')])
  expect(first?.first.request).toBe('set 1')
})
