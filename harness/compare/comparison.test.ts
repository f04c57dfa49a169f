// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { Comparison, inOrder, variationOf } from './comparison.ts'
import { type Finding, foldKernels, lineOf } from './finding.ts'
import type { RecordedFailure, RecordedFile, RecordedTest } from './recorded.ts'

/** A test in which one request is answered by this. */
const answers = (name: string, what: string, more: Partial<RecordedTest> = {}): RecordedTest => ({
  name,
  state: 'passed',
  failures: [],
  said: [
    {
      missed: 0,
      exchanges: [
        {
          ...{ socket: 'socket 1', key: 'k', operation: 'get', request: 'get', datagrams: 1, told: [] },
          answers: what === '' ? [] : [{ what, parts: [] }],
        },
      ],
    },
  ],
  ...more,
})
const failure = (text: string, kind: RecordedFailure['kind'] = 'test') => ({ kind, text, message: text })
const file = (...tests: RecordedTest[]): RecordedFile => ({ file: 'a.test.ts', tests, modules: [] })
const a = { kernel: 'debian-6.1', file: 'a.test.ts' }
const lines = (comparison: Comparison) => comparison.result().findings.map(lineOf)

/** A comparison of one file with these recordings. */
function compared(base: readonly RecordedFile[], head: readonly RecordedFile[], kernels = ['debian-6.1']) {
  const comparison = new Comparison(kernels)
  for (const each of base) comparison.add(a, 'base', each)
  for (const each of head) comparison.add(a, 'head', each)
  return comparison
}
const thrice = <T>(each: T): T[] => [each, each, each]

test('what is alike needs no further run; what differs needs three on both sides', () => {
  const [one, two] = [file(answers('x', 'ENOENT')), file(answers('x', 'EINVAL'))]
  expect(compared([one], [one]).undecided()).toEqual([])
  expect(compared([one], [two]).undecided()).toEqual([{ unit: a, sides: ['base', 'head'] }])
  expect(lines(compared([one], [two]))).toEqual([])
  // What is known of BASE already is not run again.
  expect(compared(thrice(one), [two]).undecided()).toEqual([{ unit: a, sides: ['head'] }])
  expect(compared([one, one], [two, two]).undecided()).toEqual([{ unit: a, sides: ['base', 'head'] }])
  const decided = compared(thrice(one), thrice(two))
  expect(decided.undecided()).toEqual([])
  expect(lines(decided)).toEqual(['behaviour: get: ENOENT became EINVAL'])
})

test('what varies on BASE is counted and not told; what HEAD does not always do is not told', () => {
  const [one, two] = [file(answers('x', 'ENOENT')), file(answers('x', 'EINVAL'))]
  const three = file(answers('x', 'EPERM'))
  const varying = compared([one, three, one], thrice(two))
  expect(varying.result()).toEqual({ findings: [], varying: ['a.test.ts > x'] })
  expect(variationOf([one, three]).varying).toHaveLength(1)
  expect(variationOf([one, one])).toEqual({ varying: [], alternating: [] })
  expect(compared(thrice(one), [two, one, two]).result()).toEqual({ findings: [], varying: [] })
  // A second pair that agrees decides it.
  expect(compared([one, one], [two, one]).undecided()).toEqual([])
})

test('a test that is not steady needs six, and its values say nothing', () => {
  const said = (what: string, value: string): RecordedFile => {
    const one = answers('x', what)
    const [conversation] = one.said
    const exchanges = conversation?.exchanges.map(each => ({
      ...each,
      answers: each.answers.map(answer => ({ ...answer, parts: [['attribute 1', value] as const] })),
    }))
    const other = answers('x', value).said[0]?.exchanges.map(each => ({ ...each, socket: 'socket 2' })) ?? []
    return file({ ...one, said: [{ missed: 0, exchanges: [...(exchanges ?? []), ...other] }] })
  }
  const steady = compared(thrice(said('reply', '1')), thrice(said('reply', '2')))
  expect(lines(steady)).toContain('behaviour: get: attribute 1 of reply: 1 became 2')
  // The first socket's value is the same on BASE, but the second one's varies.
  const [one, two] = [said('reply', '1'), file(answers('x', 'reply'))]
  const varied = compared([one, two, one], thrice(said('reply', '2')))
  expect(varied.result()).toEqual({ findings: [], varying: ['a.test.ts > x'] })
  const refused = thrice(said('EINVAL', '2'))
  const base = [said('ENOENT', '1'), said('ENOENT', '3'), said('ENOENT', '1')]
  const open = compared(base, refused)
  expect(open.undecided()).toEqual([{ unit: a, sides: ['base', 'head'] }])
  const decided = compared([...base, ...base], [...refused, ...refused])
  expect(decided.undecided()).toEqual([])
  expect(lines(decided)).toEqual(['behaviour: get: ENOENT became EINVAL'])
  // Where a steady test shows the same, three are enough.
  const withSteady = (each: RecordedFile, what: string) => file(...each.tests, answers('steady', what))
  const shown = compared(
    base.map(each => withSteady(each, 'ENOENT')),
    refused.map(each => withSteady(each, 'EINVAL')),
  )
  expect(shown.undecided()).toEqual([])
  expect(lines(shown)).toEqual(['behaviour: get: ENOENT became EINVAL'])
})

test('a change that BASE makes by itself elsewhere in a test says nothing there', () => {
  const threads = (first: string, second: string, steady = 'ok') => {
    const [one, other] = [answers('x', first), answers('x', second)]
    const socket2 = other.said[0]?.exchanges.map(each => ({ ...each, socket: 'socket 2' })) ?? []
    const exchanges = [...(one.said[0]?.exchanges ?? []), ...socket2]
    return file({ ...one, said: [{ missed: 0, exchanges }] }, answers('steady', steady))
  }
  const sixTimes = <T>(each: T): T[] => [...thrice(each), ...thrice(each)]
  const base = [threads('ok', 'ok'), threads('ok', 'ENOENT'), threads('ok', 'ok')]
  const head = sixTimes(threads('ENOENT', 'ok'))
  const nothing = { findings: [], varying: ['a.test.ts > x'] }
  expect(compared([...base, ...base], head).result()).toEqual(nothing)
  // In either direction.
  const turned = [threads('ENOENT', 'ENOENT'), threads('ENOENT', 'ok'), threads('ENOENT', 'ENOENT')]
  expect(compared([...turned, ...turned], sixTimes(threads('ok', 'ok'))).result()).toEqual(nothing)
  // As a baseline tells it.
  const known = compared(sixTimes(threads('ok', 'ok')), head)
  expect(lines(known)).toEqual(['behaviour: get: ok became ENOENT'])
  known.addVarying(a, variationOf(base))
  expect(known.result()).toEqual(nothing)
  // Something else, and what a steady test shows, are told.
  const refused = sixTimes(threads('EPERM', 'ok'))
  expect(lines(compared([...base, ...base], refused))).toEqual(['behaviour: get: ok became EPERM'])
  const shown = sixTimes(threads('ENOENT', 'ok', 'ENOENT'))
  expect(lines(compared([...base, ...base], shown))).toEqual(['behaviour: get: ok became ENOENT'])
})

test('the lines of a report of the kernel are under the finding that is about it alone', () => {
  const splat = { kind: 'splat' as const, text: 'WARN: x.c:1', message: 'WARN: x.c:1\n  at x_do' }
  const broken = file(answers('x', '', { state: 'failed', failures: [splat] }))
  const { findings } = compared(thrice(file(answers('x', ''))), thrice(broken)).result()
  expect(findings.map(({ kind, is, show }) => [kind, is, show])).toEqual([
    ['splat', 'WARN: x.c:1', 'WARN: x.c:1\n  at x_do'],
    ['test', 'failed: WARN: x.c:1', undefined],
  ])
})

test('what comes after the sides have asked differently may follow from an earlier change, and is told last', () => {
  const asked = (...all: readonly (readonly [key: string, what: string])[]) =>
    file({
      ...answers('x', ''),
      said: [
        {
          missed: 0,
          exchanges: all.map(([key, what]) => ({
            ...{ socket: 'socket 1', key, operation: key, request: key, datagrams: 1, told: [] },
            answers: [{ what, parts: [] }],
          })),
        },
      ],
    })
  const base = asked(['list', 'one'], ['add', 'ok'], ['get', 'one'])
  const head = asked(['list', 'ENOENT'], ['get', 'EINVAL'])
  const { findings } = compared(thrice(base), thrice(head)).result()
  expect(findings.map(each => [lineOf(each), each.follows])).toEqual([
    ['behaviour: list: one became ENOENT', undefined],
    ['behaviour: get: one became EINVAL', true],
  ])
  // Where nothing differs before, it is a change of its own.
  const alone = compared(thrice(base), thrice(asked(['list', 'one'], ['get', 'EINVAL']))).result()
  expect(alone.findings.map(({ follows }) => follows)).toEqual([undefined])
})

test('a test that fails each time is broken, though it says something else each time', () => {
  const failed = (text: string) =>
    file({ ...answers('x', 'ENOENT'), state: 'failed', failures: [failure(text)] })
  const passed = file(answers('x', 'ENOENT'))
  const head = ['101 came', '91 came', '99 came'].map(failed)
  const first = compared(thrice(passed), head)
  expect(first.undecided()).toEqual([{ unit: a, sides: ['base', 'head'] }])
  const decided = compared([...thrice(passed), ...thrice(passed)], [...head, ...head])
  expect(decided.undecided()).toEqual([])
  expect(lines(decided)).toEqual(['test: a.test.ts > x: passed became failed: 101 came'])
  // Not each time.
  expect(lines(compared(thrice(passed), [...head, passed]))).toEqual([])
})

test('a test that breaks where behaviour has changed in it follows from that, and is told after all else', () => {
  const failed = { state: 'failed', failures: [failure('expected')] } as const
  const [before, after] = [answers('x', 'ENOENT'), answers('x', 'EINVAL', failed)]
  const other = answers('y', 'EPERM')
  const broken = { ...other, ...failed, log: ['b'] }
  const { findings } = compared(
    thrice(file(before, { ...other, log: ['a'] })),
    thrice(file(after, broken)),
  ).result()
  expect(findings.map(({ kind, where, follows }) => [kind, where, follows])).toEqual([
    ['behaviour', 'get', undefined],
    ['test', 'a.test.ts > y', undefined],
    ['log', 'while tests run', undefined],
    ['test', 'a.test.ts > x', true],
  ])
})

test('so does one in which the sides ask differently, where another test shows why', () => {
  const conversation = (...all: readonly (readonly [key: string, what: string])[]) => [
    {
      missed: 0,
      exchanges: all.map(([key, what]) => ({
        ...{ socket: 'socket 1', key, operation: key, request: key, datagrams: 1, told: [] },
        answers: [{ what, parts: [] }],
      })),
    },
  ]
  const other = answers('y', '', { said: conversation(['add', 'ok'], ['list', 'one']) })
  const failed = answers('y', '', {
    ...{ state: 'failed', failures: [failure('expected')] },
    said: conversation(['list', 'none'], ['get', 'none']),
  })
  const broken = (before: string, after: string) =>
    compared(thrice(file(answers('x', before), other)), thrice(file(answers('x', after), failed)))
      .result()
      .findings.filter(({ kind }) => kind === 'test')
      .map(({ follows, request }) => [follows, request])
  // What is asked otherwise is no reason.
  expect(broken('ENOENT', 'EINVAL')).toEqual([[true, undefined]])
  expect(broken('ENOENT', 'ENOENT')).toEqual([[undefined, undefined]])
})

test('tests that are not run after a loss follow from it', () => {
  const lost = answers('x', '', { state: 'failed', failures: [failure('killed', 'loss')] })
  const [before, after] = [
    file(answers('x', ''), answers('y', '')),
    file(lost, answers('y', '', { state: 'not run' })),
  ]
  const { findings } = compared(thrice(before), thrice(after)).result()
  expect(findings.map(({ kind, follows }) => [kind, follows])).toEqual([
    ['loss', undefined],
    ['test', undefined],
    ['test', true],
  ])
})

test('what is no behaviour has the request that shows it, where one is known', () => {
  const failed = { state: 'failed', failures: [failure('expected')] } as const
  const asking = (test: RecordedTest, ...operations: readonly string[]) => ({
    ...test,
    said: test.said.map(said => ({
      ...said,
      exchanges: said.exchanges.flatMap(each =>
        operations.map((operation, at) => ({
          ...each,
          key: `${at}`,
          operation,
          request: `${operation} ${at}`,
        })),
      ),
    })),
  })
  const requests = (before: RecordedTest, after: RecordedTest) =>
    compared(thrice(file(before)), thrice(file(after)))
      .result()
      .findings.map(({ kind, request }) => [kind, request])
  expect(requests(answers('x', 'ENOENT'), answers('x', 'EINVAL', failed))).toEqual([
    ['behaviour', 'get'],
    ['test', 'get'],
  ])
  const [ok, bad] = [answers('x', 'ok', { log: ['a'] }), answers('x', 'ok', { ...failed, log: ['b'] })]
  const asked = ['CTRL_CMD_GETFAMILY', 'set', 'set']
  expect(requests(asking(ok, ...asked), asking(bad, ...asked))).toEqual([
    ['test', 'set 1'],
    ['log', 'set 1'],
  ])
  expect(requests(asking(ok, 'set', 'get'), asking(bad, 'set', 'get'))).toEqual([
    ['test', undefined],
    ['log', undefined],
  ])
  // What is logged may come from any of several operations, whichever of them is answered otherwise.
  const other = answers('x', 'bad', { ...failed, log: ['b'] })
  expect(requests(asking(ok, 'set', 'get'), asking(other, 'set', 'get'))).toEqual([
    ['behaviour', 'get 1'],
    ['behaviour', 'set 0'],
    ['log', undefined],
    ['test', 'set 0'],
  ])
})

test('an event whose request is not known has none of another change', () => {
  const heard = (...whats: string[]) => ({
    ...{ socket: 'socket 2', key: '', operation: 'protocol 16', request: '', answers: [], datagrams: 0 },
    told: [{ whom: 'socket 2 in group x', messages: whats.map(what => ({ what, parts: [] })), after: [-1] }],
  })
  const saying = (what: string, ...whats: string[]) => {
    const test = answers('x', what)
    const [{ exchanges: [asked] = [] } = { exchanges: [] }] = test.said
    if (!asked) throw new Error('unreachable')
    const also = { ...asked, key: 'l', operation: 'set', answers: [] }
    return file({ ...test, said: [{ missed: 0, exchanges: [asked, also, heard(...whats)] }] })
  }
  const { findings } = compared(thrice(saying('ENOENT', 'set')), thrice(saying('EINVAL'))).result()
  expect(findings.map(({ text, request }) => [text, request])).toEqual([
    ['get: ENOENT became EINVAL', 'get'],
    ['group x is no longer told set', undefined],
  ])
})

test('few files confirm what many show, and the rest is counted', () => {
  const comparison = new Comparison(['debian-6.1'])
  const [one, two] = [file(answers('x', 'ENOENT')), file(answers('x', 'EINVAL'))]
  const units = ['a', 'b', 'c'].map(name => ({ kernel: 'debian-6.1', file: `${name}.test.ts` }))
  for (const unit of units) {
    comparison.add(unit, 'base', { ...one, file: unit.file })
    comparison.add(unit, 'head', { ...two, file: unit.file })
  }
  const [chosen, ...more] = comparison.undecided()
  expect(more).toEqual([])
  const { unit } = chosen ?? {}
  for (let times = 0; unit && times < 2; times++) {
    comparison.add(unit, 'base', { ...one, file: unit.file })
    comparison.add(unit, 'head', { ...two, file: unit.file })
  }
  expect(comparison.undecided()).toEqual([])
  expect(comparison.result().findings).toMatchObject([{ count: 3, kernel: undefined }])
})

test('a test that breaks by a behaviour that is certain needs no second look; one without does', () => {
  const broken = (what: string) => answers('x', what, { state: 'failed', failures: [failure('expected')] })
  const comparison = compared(thrice(file(answers('y', 'ENOENT'))), thrice(file(answers('y', 'EINVAL'))))
  const b = { kernel: 'debian-6.1', file: 'b.test.ts' }
  comparison.add(b, 'base', { ...file(answers('x', 'ENOENT')), file: b.file })
  comparison.add(b, 'head', { ...file(broken('EINVAL')), file: b.file })
  expect(comparison.undecided()).toEqual([])
  expect(lines(comparison)).toEqual([
    'behaviour: get: ENOENT became EINVAL',
    'test: b.test.ts > x: passed became failed: expected',
  ])
  expect(compared([file(answers('x', 'ENOENT'))], [file(broken('ENOENT'))]).undecided()).toEqual([
    { unit: a, sides: ['base', 'head'] },
  ])
})

test('a failed test that has read less says so only where that is all there is', () => {
  const failed = { state: 'failed', failures: [failure('no answer came')] } as const
  const silent = compared(thrice(file(answers('x', 'ENOENT'))), thrice(file(answers('x', '', failed))))
  expect(lines(silent)).toEqual([
    'behaviour: get: no answer, was ENOENT',
    'test: a.test.ts > x: passed became failed: no answer came',
  ])
})

test('what a failed test has not read is no change where the log tells what is, unless it has waited in vain', () => {
  const failed = { state: 'failed', failures: [failure('another line')], log: ['b'] } as const
  const silent = answers('x', '', failed)
  const [before, after] = [file(answers('x', 'ENOENT', { log: ['a'] })), file(silent)]
  const told = ["log: the kernel logs 'b', was 'a'"]
  expect(lines(compared(thrice(before), thrice(after)))).toEqual([
    'test: a.test.ts > x: passed became failed: another line',
    ...told,
  ])
  // It would have asked more.
  const twice = answers('x', 'ENOENT').said.map(({ exchanges: [first], ...rest }) => ({
    ...{ ...rest, exchanges: first ? [first, { ...first, key: 'later' }] : [] },
  }))
  const longer = file(answers('x', 'ENOENT', { log: ['a'], said: twice }))
  expect(lines(compared(thrice(longer), thrice(after)))).toEqual([
    'test: a.test.ts > x: passed became failed: another line',
    ...told,
  ])
  const said = silent.said.map(each => ({ ...each, awaited: 'socket 1' }))
  expect(lines(compared(thrice(before), thrice(file({ ...silent, said }))))).toEqual([
    'behaviour: get: no answer, was ENOENT',
    ...told,
    'test: a.test.ts > x: passed became failed: another line',
  ])
})

test('of what a failed test has not read, that which it waited for in vain is told', () => {
  const heard = (socket: string, messages: readonly string[]) => ({
    ...{ socket, key: '', operation: 'protocol 16', request: '', answers: [], datagrams: 0 },
    told: [{ whom: `${socket} in group ${socket}`, messages: messages.map(what => ({ what, parts: [] })) }],
  })
  const [all, left] = [
    [heard('socket 1', ['add', 'del']), heard('socket 2', ['set'])],
    [heard('socket 1', ['add']), heard('socket 2', [])],
  ]
  const failed = { state: 'failed', failures: [failure('no event came')] } as const
  const listens = (exchanges: typeof all, more: Partial<RecordedTest> & { awaited?: string } = {}) => {
    const { awaited, ...rest } = more
    const said = [{ missed: 0, exchanges, ...(awaited === undefined ? {} : { awaited }) }]
    return file(answers('x', '', { ...rest, said }))
  }
  const told = (more: Parameters<typeof listens>[1]) =>
    lines(compared(thrice(listens(all)), thrice(listens(left, { ...failed, ...more })))).filter(line =>
      line.startsWith('behaviour'),
    )
  expect(told({ awaited: 'socket 1' })).toEqual(['behaviour: group socket 1 is no longer told del'])
  expect(told({ awaited: 'socket 2' })).toEqual(['behaviour: group socket 2 is no longer told set'])
  expect(told({})).toHaveLength(2)
})

test('what a failed test has not come to read is not told, where the other one did', () => {
  const heard = (socket: string, ...messages: string[]) => ({
    ...{ socket, key: '', operation: 'protocol 16', request: '', answers: [], datagrams: 0 },
    told: [{ whom: `${socket} in group ${socket}`, messages: messages.map(what => ({ what, parts: [] })) }],
  })
  const listens = (
    exchanges: ReturnType<typeof heard>[],
    turns: string[],
    more: Partial<RecordedTest> = {},
  ) => file(answers('x', '', { ...more, said: [{ missed: 0, exchanges, turns }] }))
  const failed = { state: 'failed', failures: [failure('expected 4, was 3')] } as const
  const whole = listens([heard('a', 'set', 'del'), heard('b', 'set')], ['asks', 'a', 'b'])
  const behaviour = (head: RecordedFile) =>
    lines(compared(thrice(whole), thrice(head))).filter(line => line.startsWith('behaviour'))
  expect(behaviour(listens([heard('a', 'set'), heard('b')], ['asks', 'a'], failed))).toEqual([
    'behaviour: group a is no longer told del',
  ])
  // It did read both.
  expect(behaviour(listens([heard('a', 'set', 'del'), heard('b')], ['asks', 'a', 'b'], failed))).toEqual([
    'behaviour: group b is no longer told set',
  ])
  // An assertion alone has changed.
  const other = compared(
    thrice(whole),
    thrice(listens([heard('a', 'set', 'del'), heard('b')], ['asks', 'a'], failed)),
  )
  expect(lines(other)).toEqual(['test: a.test.ts > x: passed became failed: expected 4, was 3'])
  expect(other.result().findings).toMatchObject([{ matters: true }])
})

test('splats, leaks and losses are new or gone, tests come and go', () => {
  const clean = answers('x', 'ENOENT')
  const bad = answers('x', 'ENOENT', { state: 'failed', failures: [failure('KASAN: x', 'splat')] })
  expect(lines(compared(thrice(file(clean)), thrice(file(bad))))).toEqual([
    'splat: a.test.ts > x: new: KASAN: x',
    'test: a.test.ts > x: passed became failed: KASAN: x',
  ])
  const mended = compared(thrice(file(bad)), thrice(file(clean))).result().findings
  expect(mended.map(({ matters }) => matters)).toEqual([false, false])
  const other = answers('y', 'ENOENT')
  expect(compared(thrice(file(clean)), thrice(file(other))).result().findings).toMatchObject([
    { where: 'a.test.ts > x', was: 'passed', is: undefined, matters: true },
    { where: 'a.test.ts > y', was: undefined, is: 'passed', matters: false },
  ])
})

test('a change on one of several kernels names it', () => {
  const [one, two] = [file(answers('x', 'ENOENT')), file(answers('x', 'EINVAL'))]
  const comparison = compared(thrice(one), thrice(two), ['debian-6.1', 'debian-7.3'])
  comparison.add({ ...a, kernel: 'debian-7.3' }, 'base', one)
  comparison.add({ ...a, kernel: 'debian-7.3' }, 'head', one)
  expect(comparison.result().findings).toMatchObject([{ kernel: 'debian-6.1' }])
})

test('a file that only one side has', () => {
  expect(lines(compared([file(answers('x', 'ENOENT'))], []))).toEqual([
    'test: a.test.ts > x: gone, was passed',
  ])
  expect(lines(compared([], [file(answers('x', 'ENOENT'))]))).toEqual(['test: a.test.ts > x: new: passed'])
})

test('what all kernels have is told once', () => {
  const on = (kernel: string, text: string): Finding => ({
    ...{ kind: 'family', kernel, where: 'nlex', was: undefined, is: undefined, text, matters: true },
  })
  const labels = ['debian-6.1', 'debian-7.3', 'debian-5.10']
  const all = [...labels.map(label => on(label, 'a')), on('debian-6.1', 'b'), on('debian-7.3', 'b')]
  expect(foldKernels(all, labels)).toMatchObject([
    { text: 'a', kernel: undefined },
    { text: 'b', kernel: 'debian-6.1, debian-7.3' },
  ])
})

test('nothing is told of a file that one side has not got through, whatever comes later', () => {
  const [one, two] = [file(answers('x', 'ENOENT')), file(answers('x', 'EINVAL'))]
  const comparison = compared(thrice(one), thrice(two))
  comparison.forget(a)
  comparison.add(a, 'head', two)
  expect(comparison.undecided()).toEqual([])
  expect(comparison.result()).toEqual({ findings: [], varying: [] })
})

test('what single requests show comes before what a datagram of many does', () => {
  const finding = (where: string, matters = true): Finding => ({
    ...{ kind: 'behaviour', kernel: undefined, where, was: 'a', is: 'b', matters },
  })
  const all = ['a', '2 requests: set', 'set', '3 requests: get'].map(where => finding(where, where !== 'a'))
  const test: Finding = { ...finding('a.test.ts > x'), kind: 'test' }
  expect(inOrder([test, ...all]).map(({ where }) => where)).toEqual([
    ...['set', '2 requests: set', '3 requests: get', 'a.test.ts > x', 'a'],
  ])
})

test('behaviour that was seen often comes first, what dumps tell after it, and last what follows from another change', () => {
  const finding = (where: string, more: Partial<Finding> = {}): Finding => ({
    ...{ kind: 'behaviour', kernel: undefined, where, was: 'a', is: 'b', matters: true, ...more },
  })
  const all = [
    finding('a', { follows: true, count: 20 }),
    finding('b dump', { count: 10 }),
    finding('b dump in another network namespace', { count: 9 }),
    ...[finding('c'), finding('d', { count: 3 }), finding('e')],
    // A probe asks differently where a family takes other attributes.
    ...[finding('box: attribute 2', { kind: 'family' }), finding('x', { kind: 'size', matters: false })],
  ]
  expect(inOrder(all).map(({ where }) => where)).toEqual([
    ...['d', 'c', 'e', 'b dump', 'b dump in another network namespace', 'box: attribute 2', 'a', 'x'],
  ])
})

test('values, which may follow from what was refused before, come after what is answered', () => {
  const finding = (where: string, text: string, count: number): Finding => ({
    ...{ kind: 'behaviour', kernel: undefined, where, was: 'a', is: 'b', text, matters: true, count },
  })
  const all = [
    finding('protocol 16', 'attribute 4 of get, as told to group box: 18 became 17', 50),
    finding('set', 'set: attribute 4 of set, as told to group box: 18 became 17', 40),
    finding('get', 'get: flags of get: MULTI became 0', 9),
    finding('set', 'set: EEXIST became EOPNOTSUPP', 2),
  ]
  expect(inOrder(all).map(({ count }) => count)).toEqual([9, 2, 50, 40])
})

test('of tests of a file the first one comes first, and what a module is before what tests say of it', () => {
  const finding = (kind: Finding['kind'], where: string): Finding => ({
    ...{ kind, kernel: undefined, where, was: 'a', is: 'b', matters: true },
  })
  const tests = ['b.test.ts > z', 'b.test.ts > a', 'a.test.ts > y'].map(where => finding('test', where))
  const all = [...tests, finding('module', 'box'), finding('family', 'box'), finding('behaviour', 'get')]
  expect(inOrder(all).map(({ kind, where }) => `${kind} ${where}`)).toEqual([
    ...['behaviour get', 'family box', 'module box'],
    ...['test a.test.ts > y', 'test b.test.ts > z', 'test b.test.ts > a'],
  ])
})

test('what nlctrl answers is no reason why a failed test has read less', () => {
  const resolving = (groups: string, more: Partial<RecordedTest> = {}, ...whats: readonly string[]) => {
    const asked = answers('x', 'ok')
    const [said] = asked.said
    const [exchange] = said?.exchanges ?? []
    if (!said || !exchange) throw new Error('nothing was asked')
    const resolved = {
      ...exchange,
      ...{ key: 'resolve', operation: 'CTRL_CMD_GETFAMILY', request: 'resolve' },
      answers: [{ what: 'CTRL_CMD_NEWFAMILY', parts: [['groups', groups] as const] }],
    }
    const told = [{ whom: 'socket 2 in group box', messages: whats.map(what => ({ what, parts: [] })) }]
    const exchanges = [resolved, { ...exchange, told }]
    return file({ ...asked, said: [{ ...said, exchanges }], ...more })
  }
  const failed = { state: 'failed', failures: [failure('2 came')] } as const
  const less = compared(thrice(resolving('1', {}, 'set', 'del')), thrice(resolving('2', failed, 'set')))
  expect(lines(less)).toContain('behaviour: get: told to group box: set, del became set')
})
