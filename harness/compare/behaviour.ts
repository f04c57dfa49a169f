// SPDX-License-Identifier: MIT
/** How two conversations differ, told as behaviour: what is answered, and who is told of what. */
import { align, type Pair } from './align.ts'
import type { Difference } from './difference.ts'
import { isOfDump, isOfMany, reordered, type Sides } from './finding.ts'
import { pairedSockets } from './paired-sockets.ts'
import type { Exchange, NormalConversation, NormalMessage } from './recorded.ts'

/** Exchanges of a socket that a page shows. */
const SHOWN = 6

type Said = NormalConversation['exchanges'][number]

/** One thing in which two exchanges differ. */
interface Change {
  /** What is compared, without values. */
  readonly aspect: string
  readonly was: string | undefined
  readonly is: string | undefined
  readonly text: string
  /** Whether its values are a part of what it is: errors are, the values of attributes are not. */
  readonly byValue: boolean
  /** Whether it may depend on what was asked before. */
  readonly isState: boolean
  /** The first message that shows it, if it is one of a list. */
  readonly example?: NormalMessage | undefined
  /** The side on which only less came: all that did is on the other one, too. */
  readonly less?: 'base' | 'head' | undefined
}

/** As a {@link Change.less}: a test that has failed may not have read all. */
export interface SaidDifference extends Difference {
  readonly less: 'base' | 'head' | undefined
  /** The socket that it was seen at, by its name on each side. */
  readonly sockets: { readonly base: string; readonly head: string }
}

/** How conversations differ in what both ask. @param place the test */
export function conversationDifferences(
  base: NormalConversation,
  head: NormalConversation,
  place: string,
): SaidDifference[] {
  const [asked, others] = [base, head].map(askedBySocket) as [BySocket, BySocket]
  const sockets = pairedSockets(asked, others)
  const pairs = sockets.flatMap(([socket, other]) => {
    const [all, its] = [asked.get(socket) ?? [], others.get(other) ?? []]
    return align(all, its, ({ key }) => key).map(pair => ({ pair, all, its }))
  })
  const same = pairs.flatMap(({ pair }) => (pair.isAfterSame ? [pair] : []))
  const [before, after] = [
    askedAlike(base, new Set(same.map(pair => pair.base))),
    askedAlike(head, new Set(same.map(pair => pair.head))),
  ]
  const differences = pairs.flatMap(({ pair, all, its }) =>
    pairDifferences(asFarAsRead(pair, [base, head]), place, {
      sides: { test: place, base: upTo(all, pair.base), head: upTo(its, pair.head) },
      isLater: !before.has(pair.base) || !after.has(pair.head),
    }),
  )
  return [...differences, ...unaskedDifferences(base, head, place, new Map(sockets))]
}

/**
 * Of a dump that one side has not read to its end, and has not waited for, what both have read: the kernel goes on
 * with it when more is taken.
 */
function asFarAsRead(
  pair: Pair<Said>,
  [one, other]: readonly [NormalConversation, NormalConversation],
): Pair<Said> {
  const { base, head } = pair
  const less = lessOf(base.answers, head.answers)
  if (less === undefined || isOfMany({ where: base.operation }) || !isDump(base)) return pair
  const [{ answers, socket, datagrams }, { awaited }] = less === 'head' ? [head, other] : [base, one]
  if (answers.length === 0 || socket === awaited) return pair
  const cut = (said: Said) => ({ ...said, datagrams, answers: said.answers.slice(0, answers.length) })
  return { ...pair, base: cut(base), head: cut(head) }
}

function isDump({ operation }: Said): boolean {
  return isOfDump({ kind: 'behaviour', where: operation })
}

/** What was asked before any socket has asked for something that the other side does not: all may share a state. */
function askedAlike({ exchanges }: NormalConversation, same: ReadonlySet<Said>): ReadonlySet<Said> {
  const all = exchanges.filter(({ key }) => key !== '')
  const other = all.findIndex(each => !same.has(each))
  return new Set(other === -1 ? all : all.slice(0, other))
}

type BySocket = Map<string, Said[]>

function askedBySocket({ exchanges }: NormalConversation): BySocket {
  return Map.groupBy(
    exchanges.filter(({ key }) => key !== ''),
    ({ socket }) => socket,
  )
}

/**
 * What comes without a request, notifications that name none among it. That nothing comes is a difference where
 * all is asked alike; of answers whose requests were not kept nobody knows what they answer.
 */
function unaskedDifferences(
  base: NormalConversation,
  head: NormalConversation,
  place: string,
  sockets: ReadonlyMap<string, string>,
): SaidDifference[] {
  if (base.missed + head.missed > 0) return []
  const [asked, others] = [askedBySocket(base), askedBySocket(head)]
  const keysOf = (all: readonly Said[] = []) => JSON.stringify(all.map(({ key }) => key))
  const isAlike =
    asked.size === others.size &&
    [...asked].every(([name, all]) => keysOf(all) === keysOf(others.get(sockets.get(name) ?? name)))
  const unasked = ({ exchanges }: NormalConversation) =>
    new Map(exchanges.filter(({ key }) => key === '').map(each => [each.socket, each]))
  const [before, after] = [unasked(base), unasked(head)]
  const left = new Set(after.keys())
  const pairs = [...before].map(([name, was]): [Said | undefined, Said | undefined] => {
    const other = sockets.get(name) ?? name
    left.delete(other)
    return [was, after.get(other)]
  })
  for (const name of left) pairs.push([undefined, after.get(name)])
  return pairs.flatMap(([was, is]) => {
    const some = was ?? is
    if (!some || (!isAlike && !(was && is))) return []
    const nothing = { ...some, answers: [], datagrams: 0, told: [] }
    const pair = { base: was ?? nothing, head: is ?? nothing, index: -1, isAfterSame: isAlike }
    const sides = { test: place, base: [pair.base], head: [pair.head] }
    const othersOf = (all: ReadonlyMap<string, Said>, { socket }: Said) =>
      [...all].flatMap(([name, each]) => (name === socket ? [] : [each]))
    const [ofBase, ofHead] = [othersOf(before, pair.base), othersOf(after, pair.head)]
    const heard = new Set(ofHead.flatMap(each => eventsOf(each)))
    const [once, now] = [ofBase, ofHead].map(all => all.flatMap(each => eventsOf(each, isForeign)))
    const oftenIn = (all: readonly string[] = [], event: string) => all.filter(each => each === event).length
    return pairDifferences(pair, place, {
      sides,
      isLater: !isAlike,
      // Where others hear of more or less, that is what has changed.
      isHeard: event => heard.has(event) && oftenIn(once, event) === oftenIn(now, event),
      requestOf: message =>
        requestBefore(message, [
          [pair.base, base],
          [pair.head, head],
        ]),
    })
  })
}

/** The request after which a message came, on the side on which it did. */
function requestBefore(
  message: NormalMessage,
  sides: readonly (readonly [Exchange, NormalConversation])[],
): string | undefined {
  for (const [{ told }, { exchanges }] of sides)
    for (const { messages, after = [] } of told) {
      const at = messages.indexOf(message)
      if (at !== -1) return exchanges[after[at] ?? -1]?.request
    }
  return undefined
}

/** What members of groups are told: "group nlex/example: nlex set". */
function eventsOf({ told }: Exchange, isMeant: (message: NormalMessage) => boolean = () => true): string[] {
  return told.flatMap(({ whom, messages }) =>
    messages.filter(isMeant).map(({ what }) => `group ${groupOf(whom)}: ${what}`),
  )
}

/** Whether a listener hears of what it has not asked for itself, as far as is known. */
function isForeign({ parts }: NormalMessage): boolean {
  return parts.every(([name]) => name !== 'order')
}

/** What was said before, and this. */
function upTo(all: readonly Said[], last: Said): Said[] {
  const end = all.indexOf(last) + 1
  return all.slice(Math.max(0, end - SHOWN), end)
}

function pairDifferences(
  { base, head, index, isAfterSame }: Pair<Said>,
  place: string,
  {
    sides,
    isLater,
    isHeard = () => false,
    requestOf = () => undefined,
  }: {
    readonly sides: Sides
    readonly isLater: boolean
    readonly isHeard?: (event: string) => boolean
    /** The request after which a message came that names none. */
    readonly requestOf?: (message: NormalMessage) => string | undefined
  },
): SaidDifference[] {
  const changes = changesOf(base, head, isHeard).filter(({ isState }) => isAfterSame || !isState)
  if (changes.length === 0) return []
  const show = `in ${place}\n${bothSides(base, head)}`
  const foldOf = ({ aspect, was, is, byValue }: Change) =>
    JSON.stringify(['behaviour', base.operation, aspect, ...(byValue ? [was, is] : [])])
  // A thousand messages of a dump may show one change.
  return [...Map.groupBy(changes, foldOf)].flatMap(([fold, [first]]) => {
    if (!first) return []
    const { aspect, was, is, text, isState, less, example } = first
    const request = base.request || (example && requestOf(example))
    return {
      ...{ test: place, isValue: isState, isLater, less },
      sockets: { base: base.socket, head: head.socket },
      point: JSON.stringify([place, base.socket, index, aspect]),
      fold,
      finding: {
        ...{ kind: 'behaviour', where: base.operation, was, is, text, matters: true },
        ...(request ? { request } : {}),
        sides,
        show,
      },
    }
  })
}

/** The group that a listener is in. */
function groupOf(whom: string): string | undefined {
  return /in group (.*)$/.exec(whom)?.[1]
}

/** @param isHeard whether other sockets hear something that names no request: "group nlex/example: nlex set" */
function changesOf(base: Exchange, head: Exchange, isHeard: (event: string) => boolean): Change[] {
  const isAsked = base.key !== ''
  const whole = isAsked ? `${base.operation}: ` : `${base.operation}, unasked: `
  const answers = listChanges(base.answers, head.answers, {
    aspect: 'answers',
    ...(isAsked
      ? {
          gone: was => `${whole}no answer, was ${was}`,
          come: is => `${whole}is answered by ${is}, was not answered`,
        }
      : unaskedWords(base.operation)),
    became: (was, is) => `${whole}${was} became ${is}`,
    entries: counts => `${whole}${counts}`,
    part: (what, name) => `${whole}${name} of ${what}`,
  })
  const { length } = base.answers
  const cut: Change[] =
    base.datagrams !== head.datagrams && answers.length === 0 && length === head.answers.length
      ? [
          {
            aspect: head.datagrams > base.datagrams ? 'more datagrams' : 'fewer datagrams',
            ...{ was: datagrams(base.datagrams), is: datagrams(head.datagrams) },
            text: `${whole}${length} messages came in ${datagrams(base.datagrams)}, now in ${datagrams(head.datagrams)}`,
            // How many depends on how much there is, and on the reader.
            ...{ byValue: false, isState: false },
          },
        ]
      : []
  const whoms = [...new Set([...base.told, ...head.told].map(({ whom }) => whom))]
  const told = whoms.flatMap(whom => {
    const of = ({ told }: Exchange) => told.find(each => each.whom === whom)?.messages ?? []
    const group = groupOf(whom)
    const isRequester = whom.startsWith('the requester')
    const to = isRequester
      ? `the requester${group === undefined ? '' : `, as in group ${group}`}`
      : group === undefined
        ? 'another socket'
        : `group ${group}`
    if (!isAsked) {
      const own = ownEvents(of(base), of(head), { to, isHeard: what => isHeard(`${to}: ${what}`) })
      return own.length > 0 ? own : listChanges(of(base), of(head), notifications(to))
    }
    return listChanges(of(base), of(head), {
      aspect: `told to ${to}`,
      gone: was => `${whole}is no longer told to ${to} (${was})`,
      come: is => `${whole}is now told to ${to} (${is})`,
      became: (was, is) => `${whole}told to ${to}: ${was} became ${is}`,
      entries: counts => `${whole}told to ${to}: ${counts}`,
      often: (what, was, is) => `${whole}told to ${to} of ${what} ${is}, was ${was}`,
      part: (what, name) => `${whole}${name} of ${what}, as told to ${to}`,
    })
  })
  return [...answers, ...cut, ...told]
}

/** Of a socket that has not asked: datagrams, and calls that fail. */
function unaskedWords(socket: string): Pick<Words, 'gone' | 'come'> {
  const isCall = (all: string) => /^(\d+ x )?[a-z]+: E[A-Z\d]+(, |$)/.test(all)
  return {
    gone: was =>
      isCall(was)
        ? `${socket}: no ${was} any more`
        : `${socket}, unasked: nothing comes any more, was ${was}`,
    come: is => (isCall(is) ? `${socket}: now ${is}` : `${socket}, unasked: now comes ${is}`),
  }
}

/** Of those that name no request. */
function notifications(to: string): Words {
  return {
    ...{ aspect: `told to ${to}`, isOfEvents: true },
    gone: was => `${to} is no longer told ${was}`,
    come: is => `${to} is now told ${is}`,
    became: (was, is) => `${to} is told ${is}, was ${was}`,
    entries: counts => `${to} is told ${counts}`,
    often: (what, was, is) => `${what}: ${to} is told of it ${is}, was told ${was}`,
    part: (what, name) => `${name} of ${what}, as told to ${to}`,
  }
}

/** How changes of a list of messages are told. */
interface Words {
  readonly aspect: string
  /** Whether each message says something by itself. */
  readonly isOfEvents?: boolean
  gone(was: string): string
  come(is: string): string
  became(was: string, is: string): string
  /** Of a dump, whose entries are of one kind. */
  entries(counts: string): string
  /** How often each message of a kind comes; undefined: that is said as any other change. */
  often?(what: string, was: string, is: string): string
  /** A part of a message, as the beginning of a sentence. */
  part(what: string, name: string): string
}

function listChanges(base: readonly NormalMessage[], head: readonly NormalMessage[], words: Words): Change[] {
  const { aspect } = words
  const [was, is] = [summary(base), summary(head)]
  const [before, after] = [entriesOf(base), entriesOf(head)]
  if (was === is && before && after && isReordered(before, after)) {
    const text = words.entries(reordered)
    return [{ aspect: `${aspect}: order`, was, is, text, byValue: false, isState: true }]
  }
  if (was === is)
    return base.flatMap((example, at) =>
      partChanges(example, head[at] ?? example, words).map(each => ({ ...each, example })),
    )
  const isState = isCounted(base, head)
  const less = lessOf(base, head)
  if (before && after && isOfOneKind([...before, ...after])) {
    const counts = `${entries(after.length)}, was ${after.length > 0 ? before.length : entries(before.length)}`
    // Each dump of a state that others have changed tells it again, with other numbers.
    const direction = after.length > before.length ? 'more entries' : 'fewer entries'
    return [
      {
        aspect: `${aspect}: ${direction}`,
        was,
        is,
        text: words.entries(counts),
        byValue: false,
        // Also where there were none.
        isState: true,
        less,
      },
    ]
  }
  const repeated = words.often ? repeatedIn(base, head) : []
  if (words.often && repeated.length > 0)
    return repeated.map(({ what, ...often }) => ({
      ...{ aspect, was: `${what} ${often.was}`, is: `${what} ${often.is}`, byValue: true, isState, less },
      text: words.often?.(what, often.was, often.is) ?? '',
      example: base.find(each => each.what === what),
    }))
  const text = listText(base, head, words)
  const first = Array.from({ length: Math.max(base.length, head.length) }).findIndex(
    (_, at) => base[at]?.what !== head[at]?.what,
  )
  const example = less === 'head' ? base[first] : (head[first] ?? base[first])
  return [{ aspect, was: was || undefined, is: is || undefined, text, byValue: true, isState, less, example }]
}

function listText(base: readonly NormalMessage[], head: readonly NormalMessage[], words: Words): string {
  const [was, is] = [brief(base), brief(head)]
  if (is === '') return words.gone(was)
  if (was === '') return words.come(is)
  const [lost, won] = words.isOfEvents ? [onlyLost(base, head), onlyLost(head, base)] : [[], []]
  if (lost.length > 0) return words.gone(summary(lost))
  if (won.length > 0) return words.come(summary(won))
  const [before, after] = [inAnyOrder(base), inAnyOrder(head)]
  if (summary(before) === summary(after))
    return words.became(summary(base), `${summary(head)} (another order)`)
  if (was === is) return words.became(summary(base), summary(head))
  if (words.isOfEvents && !(isFew(base) && isFew(head))) {
    const [fewer, more] = [fewerIn(base, head), fewerIn(head, base)]
    if (fewer !== undefined) return words.gone(`${fewer} each time`)
    if (more !== undefined) return words.come(`${more} more often`)
  }
  return words.became(was, is)
}

/** Kinds of which each message comes so often in its place, if nothing else has changed. */
function repeatedIn(
  base: readonly NormalMessage[],
  head: readonly NormalMessage[],
): { readonly what: string; readonly was: string; readonly is: string }[] {
  const isMore = head.length > base.length
  const [few, many] = isMore ? [base, head] : [head, base]
  const [single, several] = [few, many].map(all => Map.groupBy(all, ({ what }) => what))
  const factors = new Map(
    [...(single ?? [])].map(([what, { length }]) => [what, (several?.get(what)?.length ?? 0) / length]),
  )
  if (![...factors.values()].every(factor => factor >= 1 && Number.isInteger(factor))) return []
  const whole = few.flatMap(({ what }) => Array<string>(factors.get(what) ?? 1).fill(what))
  if (whole.length !== many.length || whole.some((what, at) => what !== many[at]?.what)) return []
  return [...factors].flatMap(([what, factor]) => {
    const often = factor === 2 ? 'twice' : `${factor} times`
    if (factor === 1) return []
    return [isMore ? { what, was: 'once', is: often } : { what, was: often, is: 'once' }]
  })
}

/** Events of what the listener itself has asked, if they alone have come or gone, and others of the group hear them. */
function ownEvents(
  base: readonly NormalMessage[],
  head: readonly NormalMessage[],
  { to, isHeard }: { readonly to: string; readonly isHeard: (what: string) => boolean },
): Change[] {
  const isOwn = (message: NormalMessage) => !isForeign(message)
  const [was, is] = [base.filter(isOwn), head.filter(isOwn)]
  const kinds = [...new Set([...was, ...is].map(({ what }) => what))]
  const [before, after] = [base, head].map(all => summary(all.filter(each => !isOwn(each))))
  if ((was.length === 0) === (is.length === 0) || before !== after || !kinds.every(isHeard)) return []
  const how = is.length === 0 ? ['no longer', 'though'] : ['now', 'as']
  return kinds.map(what => ({
    aspect: `told to ${to}`,
    ...(is.length === 0
      ? { was: `its own ${what}`, is: undefined }
      : { was: undefined, is: `its own ${what}` }),
    text: `${to}: the requester is ${how[0]} told of its own ${what}, ${how[1]} others are`,
    ...{ byValue: true, isState: isCounted(base, head), less: lessOf(base, head) },
    example: [...was, ...is].find(each => each.what === what),
  }))
}

function inAnyOrder(messages: readonly NormalMessage[]): NormalMessage[] {
  return messages.toSorted((a, b) => (a.what < b.what ? -1 : 1))
}

/** Of a dump that has ended well, what comes before its end. */
function entriesOf(messages: readonly NormalMessage[]): readonly NormalMessage[] | undefined {
  return messages.at(-1)?.what === 'end of dump' ? messages.slice(0, -1) : undefined
}

function isReordered(base: readonly NormalMessage[], head: readonly NormalMessage[]): boolean {
  const [before, after] = [base, head].map(all => all.map(each => JSON.stringify(each))) as [
    string[],
    string[],
  ]
  return before.join() !== after.join() && before.toSorted().join() === after.toSorted().join()
}

function isOfOneKind([first, ...others]: readonly NormalMessage[]): boolean {
  return others.every(({ what }) => what === first?.what)
}

function entries(count: number): string {
  return count === 0 ? 'no entries' : count === 1 ? '1 entry' : `${count} entries`
}

/** Whether only the numbers of alike messages differ: those of a dump depend on what was done before. */
function isCounted(base: readonly NormalMessage[], head: readonly NormalMessage[]): boolean {
  const kinds = (all: readonly NormalMessage[]) => [...new Set(all.map(({ what }) => what))].join()
  return kinds(base) === kinds(head)
}

function lessOf(base: readonly NormalMessage[], head: readonly NormalMessage[]): Change['less'] {
  const isBeginning = (some: readonly NormalMessage[], all: readonly NormalMessage[]) =>
    some.length < all.length && some.every(({ what }, at) => what === all[at]?.what)
  return isBeginning(head, base) ? 'head' : isBeginning(base, head) ? 'base' : undefined
}

/** 'EINVAL', '12 x nlex command 1, end of dump' */
function summary(messages: readonly NormalMessage[]): string {
  const runs: { what: string; count: number }[] = []
  for (const { what } of messages) {
    const last = runs.at(-1)
    if (last?.what === what) last.count++
    else runs.push({ what, count: 1 })
  }
  return runs.map(({ what, count }) => (count === 1 ? what : `${count} x ${what}`)).join(', ')
}

/** The messages of kinds that have gone altogether, if nothing else has changed. */
function onlyLost(base: readonly NormalMessage[], head: readonly NormalMessage[]): NormalMessage[] {
  const kinds = new Set(head.map(({ what }) => what))
  const [lost, kept] = [base.filter(each => !kinds.has(each.what)), base.filter(each => kinds.has(each.what))]
  return summary(kept) === summary(head) ? inAnyOrder(lost) : []
}

/** The only kind of which some have gone, if nothing else has changed. */
function fewerIn(base: readonly NormalMessage[], head: readonly NormalMessage[]): string | undefined {
  const fewer = new Set<string>()
  let kept = 0
  for (const { what } of base) {
    if (what === head[kept]?.what) kept++
    else fewer.add(what)
  }
  const [only, ...others] = fewer
  return kept === head.length && others.length === 0 ? only : undefined
}

/** Alternations that are told one by one. */
const MOST_RUNS = 6

/** As {@link summary}; of many that take turns only how many there are of each. */
function brief(messages: readonly NormalMessage[]): string {
  if (isFew(messages)) return summary(messages)
  const kinds = Map.groupBy(messages, ({ what }) => what)
  return `${[...kinds].map(([what, { length }]) => `${length} x ${what}`).join(', ')} in turns`
}

function isFew(messages: readonly NormalMessage[]): boolean {
  return messages.filter(({ what }, at) => what !== messages[at - 1]?.what).length <= MOST_RUNS
}

function partChanges(base: NormalMessage, head: NormalMessage, words: Words): Change[] {
  const [before, after] = [new Map(base.parts), new Map(head.parts)]
  // Where one of them does not know.
  if (!before.has('order') || !after.has('order')) for (const parts of [before, after]) parts.delete('order')
  const names = [...new Set([...before.keys(), ...after.keys()])]
  const changed = names.filter(name => before.get(name) !== after.get(name))
  const isExtended = changed.some(name => ofExtendedAck.has(name))
  const isConsequence = (name: string) =>
    // What changes mostly has another length.
    (name === 'length' && changed.length > 1) ||
    (name === 'flags' && isExtended && withoutTlvs(before) === withoutTlvs(after))
  const besides = changed.includes('message') ? changed.filter(name => Object.hasOwn(ofRefusal, name)) : []
  const told = changed.filter(name => !isConsequence(name) && !besides.includes(name))
  const moved = movedAttribute(told, before, after)
  if (moved) {
    const [was, is] = moved
    const text = `${words.part(base.what, was)} is now ${is}`
    return [{ aspect: `${words.aspect}: ${base.what}: ${was}`, was, is, text, byValue: true, isState: false }]
  }
  const changes = told.flatMap((name): Change[] => {
    const [was, is] = [before.get(name), after.get(name)]
    const begin = words.part(base.what, wordsFor(name))
    const more = name === 'message' ? besidesText(besides, before, after) : ''
    const text =
      was === undefined
        ? `${begin} is new: ${is}`
        : is === undefined
          ? `${begin} is gone, was ${was}`
          : `${begin}${isTurned(was, is) ? ' is in another byte order' : ''}: ${was} became ${is}`
    const isValue = !framing.has(name)
    const isState = isValue && was !== undefined && is !== undefined
    // Where it is depends on the request.
    const isPlaced = Object.hasOwn(ofRefusal, name) && (was === undefined || is === undefined)
    const kind = isPlaced ? (was === undefined ? ' new' : ' gone') : more
    return [
      {
        aspect: `${words.aspect}: ${base.what}: ${name}${kind}`,
        ...{ was, is, text: `${text}${more}`, byValue: !isValue && !isPlaced, isState },
      },
    ]
  })
  const [was, is] = withoutCommonEnds([...before.keys()], [...after.keys()]).map(each => each.join(', '))
  if (changes.length > 0 || was === is) return changes
  const text = `${words.part(base.what, 'the order of parts')}: ${was} became ${is}`
  return [{ aspect: `${words.aspect}: order of parts`, was, is, text, byValue: true, isState: false }]
}

/** What a refusal with another text names besides, without values, which depend on the request. */
function besidesText(
  names: readonly string[],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string {
  const kindOf = (name: string) => (!before.has(name) ? 'new' : !after.has(name) ? 'gone' : 'another one')
  const groups = Map.groupBy(names, kindOf)
  return [...groups]
    .map(([kind, all]) => {
      const verb = all.length === 1 ? 'is' : 'are'
      const others = all.length > 1 && kind === 'another one' ? 'other ones' : kind
      return `, and ${all.map(name => ofRefusal[name]).join(', ')} ${verb} ${others}`
    })
    .join('')
}

/** Parts of an extended ack that another refusal has, too: what they are depends on the request. */
const ofRefusal: Readonly<Record<string, string>> = {
  'attribute at offset': 'the place of the attribute',
  policy: 'the policy',
}

/** Whether one value is the other one in another byte order. */
function isTurned(was: string, is: string): boolean {
  const [before, after] = [was, is].map(text => /^([\da-f]{2}(?: [\da-f]{2})+)(?: \(\d+\))?$/.exec(text)?.[1])
  return before !== undefined && before.split(' ').reverse().join(' ') === after
}

/** What lies between the beginning and the end that both lists have. */
function withoutCommonEnds(base: readonly string[], head: readonly string[]): [string[], string[]] {
  const least = Math.min(base.length, head.length)
  let begin = 0
  while (begin < least && base[begin] === head[begin]) begin++
  let end = 0
  while (end < least - begin && base.at(-1 - end) === head.at(-1 - end)) end++
  return [base.slice(begin, base.length - end), head.slice(begin, head.length - end)]
}

/** The only attribute that has gone, and the one that has its value now. */
function movedAttribute(
  changed: readonly string[],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly [was: string, is: string] | undefined {
  const was = changed.find(name => !after.has(name))
  const is = changed.find(name => !before.has(name))
  if (changed.length !== 2 || was === undefined || is === undefined) return undefined
  return before.get(was) === after.get(is) ? [was, is] : undefined
}

/** The flags of an answer but the one that says that an extended ack is there. */
function withoutTlvs(parts: ReadonlyMap<string, string>): string | undefined {
  const flags = parts.get('flags')?.split('|')
  return flags?.filter(flag => flag !== 'ACK_TLVS' && flag !== '0').join('|')
}

/** Parts of an extended ack. */
const ofExtendedAck = new Set([
  ...['message', 'attribute at offset', 'missing attribute', 'missing in the nest at offset', 'policy'],
])

/** Parts with few values, each of which means something. */
const framing = new Set([
  ...['flags', 'sequence number', 'port id', 'sender', 'echoed request'],
  ...ofExtendedAck,
])

/** Names of parts that need words. */
const inWords: Readonly<Record<string, string>> = {
  order: 'the place',
  message: 'the text of the extended ack',
  policy: 'the policy in the extended ack',
  'attribute at offset': 'the place of the attribute in the extended ack',
  'missing attribute': 'the missing attribute in the extended ack',
}

function wordsFor(name: string): string {
  return inWords[name] ?? name
}

function datagrams(count: number): string {
  return count === 1 ? 'one datagram' : `${count} datagrams`
}

/** Answers of an exchange that are shown. */
const MOST = 6

/** Both sides' answers in full; of many those from the first one on that differs. */
function bothSides(base: Exchange, head: Exchange): string {
  const [before, after] = [linesOf(base), linesOf(head)]
  const first = before.findIndex((line, at) => line !== after[at])
  const from = Math.max(0, (first < 0 ? before.length : first) - 1)
  return `BASE: ${someOf(before, from)}\nHEAD: ${someOf(after, from)}`
}

function linesOf({ answers, told }: Exchange): string[] {
  const line = ({ what, parts }: NormalMessage) =>
    `${what}${parts.map(([name, value]) => `; ${name}: ${value}`).join('')}`
  const heard = told.flatMap(({ whom, messages }) => messages.map(message => `to ${whom}: ${line(message)}`))
  return [...answers.map(line), ...heard]
}

function someOf(lines: readonly string[], from: number): string {
  if (lines.length === 0) return 'nothing'
  const begin = lines.length > MOST ? Math.min(from, lines.length - MOST + 1) : 0
  const shown = lines.slice(begin, lines.length - begin > MOST ? begin + MOST - 1 : undefined)
  const left = lines.length - begin - shown.length
  return [
    ...(begin > 0 ? [`... ${begin} before`] : []),
    ...shown,
    ...(left > 0 ? [`... ${left} more`] : []),
  ].join('\n      ')
}
