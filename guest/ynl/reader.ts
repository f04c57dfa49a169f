// SPDX-License-Identifier: MIT
/** Reads specifications: YAML 1.2, checked against the schemas of the format, with the place of what is wrong. */
import * as v from 'valibot'
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type ParsedNode,
  parseDocument,
} from 'yaml'
import { documentSchema, protocols } from './document.ts'
import { type DocumentPath, resolveSpecification } from './resolve.ts'
import type { Protocol, Specification } from './specification.ts'
import { SpecificationError } from './specification-error.ts'

/** Characters of a specification; the longest of the kernel's has 80,000. */
const LONGEST = 1 << 18
/** Values of a specification with its aliases filled in; the largest of the kernel's has 20,000. */
const MOST_VALUES = 200_000
/** The kernel's have at most 62. The package (2.9.1) searches the whole document for each. */
const MOST_ALIASES = 1_000
/** How deep lists and mappings are within each other; the kernel's are 9 deep. */
const DEEPEST = 50

/** How a specification is read. */
export interface ReadingOptions {
  /** Its name in errors. */
  readonly file?: string
  /**
   * Takes what is wrong but changes no message: operations list attributes that their set does not have, a
   * subset names one twice. Without it that is refused, too.
   */
  readonly onRemark?: (remark: SpecificationError) => void
}

/**
 * Reads a specification.
 * @throws SpecificationError with line and column of the first thing that is wrong, or that no schema of
 * Linux 7.3 knows
 */
export function parseSpecification(
  text: string,
  { file = 'specification', onRemark }: ReadingOptions = {},
): Specification {
  const errorAt = (offset: number, message: string): SpecificationError => {
    const before = text.slice(0, offset).split('\n')
    return new SpecificationError(message, file, before.length, (before.at(-1)?.length ?? 0) + 1)
  }
  const failAt = (offset: number, message: string): never => {
    throw errorAt(offset, message)
  }
  if (text.length > LONGEST) failAt(0, `${text.length} characters: a specification has at most ${LONGEST}`)
  checkDepth(text, failAt)
  const document = parseYaml(text, failAt)
  const { contents } = document
  if (!isMap(contents)) failAt(contents?.range[0] ?? 0, 'a specification is a mapping, with the key name')
  checkValues(document, failAt)

  const fail = (path: DocumentPath, message: string): never => failAt(offsetOf(document, path), message)
  const remark = (path: DocumentPath, message: string): void => {
    const error = errorAt(offsetOf(document, path), message)
    if (onRemark === undefined) throw error
    onRemark(error)
  }
  const written = document.toJS({ maxAliasCount: -1 }) as unknown
  const protocol = protocolOf(written, fail)
  const result = v.safeParse(documentSchema(protocol), written)
  if (!result.success) {
    const found = result.issues.map(issue => describe(issue, document))
    // what is missing is often what is misspelt
    const [first] = found.sort((a, b) => Number(a.isMissing) - Number(b.isMissing) || a.offset - b.offset)
    if (first !== undefined) failAt(first.offset, first.message)
    throw new TypeError('a refusal without an issue')
  }
  return resolveSpecification(result.output, protocol, { fail, remark })
}

function parseYaml(text: string, failAt: (offset: number, message: string) => never): Document.Parsed {
  const document = parseDocument(text, {
    prettyErrors: false,
    intAsBigInt: true,
    stringKeys: true,
    // checkValues does; the package (2.9.1) compares each key with all before
    uniqueKeys: false,
  })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem?.code === 'MULTIPLE_DOCS') failAt(problem.pos[0], 'a second document: a specification is one')
  // its parser is recursive
  if (problem !== undefined && /call stack/.test(problem.message))
    failAt(problem.pos[0], `deeper than ${DEEPEST} levels`)
  if (problem !== undefined) failAt(problem.pos[0], `this is no YAML: ${firstLine(problem.message)}`)
  return document
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function protocolOf(written: unknown, fail: (path: DocumentPath, message: string) => never): Protocol {
  const { protocol = 'genetlink' } = written as { protocol?: unknown }
  const found = protocols.find(each => each === protocol)
  return (
    found ?? fail(['protocol'], `the protocol ${show(protocol)} is not known, only ${protocols.join(', ')}`)
  )
}

/**
 * Refuses deep nesting before it is parsed, which is recursive: brackets, and dashes of lists in lists, in a
 * row or by indentation.
 */
function checkDepth(text: string, failAt: (offset: number, message: string) => never): void {
  const refuse = (offset: number) => failAt(offset, `deeper than ${DEEPEST} levels`)
  let brackets = 0
  const indents: number[] = []
  let offset = 0
  for (const line of text.split('\n')) {
    const [lead = ''] = /^(?: |[-?:](?= |$))*/.exec(line) ?? []
    if (lead.length < line.length) {
      while (indents.length > 0 && (indents.at(-1) ?? 0) >= lead.length) indents.pop()
      indents.push(lead.length)
    }
    const dashes = lead.length - lead.replaceAll(/[-?:]/g, '').length
    if (indents.length > DEEPEST || dashes > DEEPEST) refuse(offset)
    for (const [index, character] of [...line].entries()) {
      if (character === '[' || character === '{') brackets++
      else if (character === ']' || character === '}') brackets = Math.max(brackets - 1, 0)
      if (brackets > DEEPEST) refuse(offset + index)
    }
    offset += line.length + 1
  }
}

/** Refuses keys that are there twice, and aliases that stand for nothing, for themselves, or for too much in all. */
function checkValues(document: Document.Parsed, failAt: (offset: number, message: string) => never): void {
  const sizes = new Map<unknown, number>()
  /** The nodes with an anchor that have been met: an alias stands for the last one before it. */
  const anchors = new Map<string, unknown>()
  const open = new Set<unknown>()
  let aliases = 0
  const sizeOf = (node: unknown, from: number): number => {
    const known = sizes.get(node)
    if (known !== undefined) return known
    if (open.has(node)) return failAt(from, 'an alias that stands for itself')
    open.add(node)
    const { anchor } = (node ?? {}) as { anchor?: string }
    if (anchor !== undefined) anchors.set(anchor, node)
    const start = (node as ParsedNode | null)?.range?.[0] ?? from
    let size = 1
    if (isAlias(node)) {
      if (++aliases > MOST_ALIASES) failAt(start, `more than ${MOST_ALIASES} aliases`)
      const target = anchors.get(node.source)
      if (target === undefined) failAt(start, `no value has the anchor ${node.source}`)
      size = sizeOf(target, start)
    } else if (isCollection(node)) {
      const keys = new Set<unknown>()
      for (const item of node.items) {
        if (!isPair(item)) size += sizeOf(item, start)
        else {
          const { value: key, range } = item.key as ParsedNode & { readonly value?: unknown }
          if (keys.has(key)) failAt(range[0], `a second key is named ${show(key)}`)
          keys.add(key)
          size += sizeOf(item.value, start) + 1
        }
      }
    }
    open.delete(node)
    sizes.set(node, size)
    if (size > MOST_VALUES) failAt(start, `more than ${MOST_VALUES} values with all aliases filled in`)
    return size
  }
  sizeOf(document.contents, 0)
}

/** The offset of what a path leads to, or of the last part that is there; a key's for what is wrong with it. */
function offsetOf(document: Document.Parsed, path: DocumentPath, ofKey = false): number {
  let node: unknown = document.contents
  let offset = 0
  const settle = () => {
    offset = (node as ParsedNode | null)?.range?.[0] ?? offset
    if (isAlias(node)) node = node.resolve(document)
  }
  settle()
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step)
      if (pair === undefined) return offset
      if (ofKey && depth === path.length - 1) return (pair.key as ParsedNode).range[0]
      node = pair.value
    } else if (isSeq(node)) node = node.items[Number(step)]
    else return offset
    settle()
  }
  return offset
}

interface Problem {
  readonly offset: number
  readonly message: string
  readonly isMissing: boolean
}

/** An issue of valibot's in words, with its place. */
function describe(issue: v.BaseIssue<unknown>, document: Document.Parsed): Problem {
  const path = (issue.path ?? []).map(({ key }) => key as string | number)
  const key = show(path.at(-1))
  const owner = whereOf(path.slice(0, -1))
  const isUnknown = issue.type === 'strict_object' && issue.expected === 'never'
  const isMissing = issue.type === 'strict_object' && issue.received === 'undefined'
  const offset = offsetOf(document, path, isUnknown || issue.type === 'never')
  const say = (message: string): Problem => ({ offset, message, isMissing })
  if (isUnknown) return say(`${key} is no key of ${owner}: Linux 7.3 has none of that name`)
  if (isMissing) return say(`${key} of ${owner} is missing`)
  if (issue.type === 'never') return say(`${key} is ${issue.message}`)
  const wanted = issue.message.startsWith('Invalid') ? expectation(issue) : issue.message
  return say(`${whereOf(path)} is ${show(issue.input)}, not ${wanted}`)
}

/** What valibot expects, in words: `Object` is a mapping in YAML. */
function expectation({ expected }: v.BaseIssue<unknown>): string {
  const words: Readonly<Record<string, string>> = {
    Object: 'a mapping',
    Array: 'a list',
    string: 'a text',
    bigint: 'a number',
    boolean: 'true or false',
  }
  if (expected === null) return 'what there is'
  return (
    words[expected] ??
    expected
      .replace(/^\((.*)\)$/, '$1')
      .replaceAll('"', '')
      .replaceAll(' | ', ', ')
  )
}

/** `attributes[2].type`, without the words that lead there. */
function whereOf(path: DocumentPath): string {
  const names = path.map((step, index) =>
    typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`,
  )
  return names.join('') || 'a specification'
}

function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = JSON.stringify(String(value)).slice(1, -1)
  return text.length > 40 ? `${text.slice(0, 40)}...` : text
}
